import { type DynamicModule, type FactoryProvider, Module, type Provider } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { DEFAULT_NAME } from '../core/index.js';
import { getAdvisoryLockToken } from '../locking/advisory-lock.tokens.js';
import { ProviderScan } from '../locking/provider-scan.js';
import { AdvisoryLockLifecycle } from '../nest/advisory-lock.lifecycle.js';
import { AdvisoryLockModule } from '../nest/advisory-lock.module.js';
import { AdvisoryLockService } from '../nest/advisory-lock.service.js';
import { EventEmitterBridge } from '../nest/event-emitter-bridge.js';
import { FEATURES, type FeatureHost, getFeaturesToken } from '../nest/features.js';
import { LOCK_DOUBLE } from '../nest/lock-double.js';
import { AdvisoryLockTelemetry } from '../telemetry/advisory-lock-telemetry.js';
import {
  AdvisoryLockTesting,
  type AdvisoryLockTestingOptions,
  moduleOptionsOf,
} from './advisory-lock-testing.js';

/**
 * The module without a database, for tests: imported in the place of `AdvisoryLockModule`, or beside an
 * application that imports that one, whose locks then are in memory too. All of it is as in production, but
 * for the server. {@link AdvisoryLockTesting} is its handle.
 *
 * @example
 * ```ts
 * const moduleRef = await Test.createTestingModule({ imports: [OrdersModule] })
 *   .overrideModule(AdvisoryLockModule)
 *   .useModule(AdvisoryLockTestingModule.forRoot())
 *   .compile();
 * const testing = moduleRef.get(AdvisoryLockTesting);
 * ```
 */
@Module({})
export class AdvisoryLockTestingModule {
  /**
   * Configures the module: the options of `AdvisoryLockModule.forRoot`, which count where the application
   * itself imports no `AdvisoryLockModule`, and `entityManager`.
   *
   * @example
   * ```ts
   * AdvisoryLockTestingModule.forRoot({ namespace: 'shop', entityManager: { save: jest.fn() } })
   * ```
   */
  static forRoot(options: AdvisoryLockTestingOptions = {}): DynamicModule {
    const locks = inMemory(AdvisoryLockModule.forRoot(moduleOptionsOf(options)));
    return {
      module: AdvisoryLockTestingModule,
      global: true,
      imports: [locks],
      providers: [
        {
          provide: AdvisoryLockTesting,
          inject: [ModuleRef],
          useFactory: (moduleRef: ModuleRef) => new AdvisoryLockTesting(options, moduleRef),
        },
        {
          provide: LOCK_DOUBLE,
          inject: [AdvisoryLockTesting],
          useFactory: ({ double }: AdvisoryLockTesting) => double,
        },
      ],
      exports: [AdvisoryLockTesting, LOCK_DOUBLE, locks],
    };
  }
}

/** What works at startup or on events, and must do so once, although there may be two modules. */
const ONCE: readonly unknown[] = [AdvisoryLockLifecycle, AdvisoryLockTelemetry, EventEmitterBridge];

/**
 * The module with two changes. The service is provided by its class, and the decorators take it from there,
 * so that `overrideProvider(AdvisoryLockService)` reaches them too. And where the application imports its
 * own `AdvisoryLockModule`, this one stands for that one, instead of doing everything twice.
 */
function inMemory(real: DynamicModule): DynamicModule {
  const token = getAdvisoryLockToken();
  const features = getFeaturesToken();
  const change = (provider: Provider): Provider => {
    const { provide } = provider as FactoryProvider;
    if (provide === token) return { provide: token, useExisting: AdvisoryLockService };
    if (provide === AdvisoryLockService) {
      const { inject, useFactory } = factoryOf(real, token);
      return { provide: AdvisoryLockService, inject, useFactory } as Provider;
    }
    if (provide === features) return besides(provider as FactoryProvider, features, ofApplication);
    if (provide === ProviderScan) return besides(provider as FactoryProvider, features, emptyScan);
    if (ONCE.includes(provide)) return besides(provider as FactoryProvider, features, () => ({}));
    return provider;
  };
  return {
    ...real,
    // Where it is overridden, that would be this module itself.
    imports: real.imports?.filter((imported) => imported !== AdvisoryLockModule) ?? [],
    // Read when the application has been loaded: see the module itself.
    get providers() {
      return real.providers?.map(change) ?? [];
    },
    get exports() {
      return real.exports ?? [];
    },
  };
}

function factoryOf({ providers = [] }: DynamicModule, token: symbol): FactoryProvider {
  const found = providers.find((provider) => (provider as FactoryProvider).provide === token);
  return found as FactoryProvider;
}

/** The provider, or what takes its place where the application has an `AdvisoryLockModule` of its own. */
function besides(
  { provide, inject = [], useFactory }: FactoryProvider,
  features: symbol,
  instead: (testing: AdvisoryLockTesting) => unknown,
): Provider {
  return {
    provide,
    inject: [ModulesContainer, AdvisoryLockTesting, ...inject],
    useFactory: (modules: ModulesContainer, testing: AdvisoryLockTesting, ...rest: unknown[]): unknown => {
      const owners = [...modules.values()].filter(({ providers }) => providers.has(features));
      return owners.length > 1 ? instead(testing) : (useFactory(...rest) as unknown);
    },
  };
}

async function ofApplication(testing: AdvisoryLockTesting): Promise<FeatureHost> {
  return { [FEATURES]: await testing.featuresOf(DEFAULT_NAME) };
}

function emptyScan(): ProviderScan {
  const none = (): [] => [];
  return new ProviderScan({ getProviders: none, getControllers: none } as never);
}
