import { type DynamicModule, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import {
  type ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  type OPTIONS_TYPE,
} from './advisory-lock.module-definition.js';

/**
 * Advisory locks on the Postgres of a TypeORM data source or, with the option `postgres`, without TypeORM.
 *
 * The lock connection opens when the application starts, for the diagnosis that the module logs, or earlier,
 * with the first lock; it opens again after it was lost, when a lock needs it. At shutdown the module takes
 * no new locks, running bodies may finish within `shutdownTimeoutMs`, and the connection closes before
 * TypeORM closes its own.
 *
 * @example
 * ```ts
 * @Module({
 *   imports: [
 *     TypeOrmModule.forRoot({ type: 'postgres', url: process.env.DATABASE_URL }),
 *     ScheduleModule.forRoot(),
 *     AdvisoryLockModule.forRoot(),
 *   ],
 * })
 * export class AppModule {}
 * ```
 */
@Module({ imports: [DiscoveryModule] })
export class AdvisoryLockModule extends ConfigurableModuleClass {
  /**
   * Configures the module; see {@link AdvisoryLockModuleOptions}. Never throws: the application refuses to
   * start, with a {@link LockConfigurationError} (`LOCK_CONFIGURATION`), when an option is invalid.
   *
   * @example
   * ```ts
   * AdvisoryLockModule.forRoot({ namespace: 'shop', instanceName: process.env.HOSTNAME })
   * ```
   */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }

  /**
   * Configures the module by a factory, a class or an existing provider, with `name` and `isGlobal` beside
   * it. Never throws: invalid options reject the start as for {@link AdvisoryLockModule.forRoot}.
   *
   * @example
   * ```ts
   * AdvisoryLockModule.forRootAsync({
   *   inject: [ConfigService],
   *   useFactory: (config: ConfigService) => ({ namespace: config.get('APP_NAME') }),
   * })
   * ```
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.forRootAsync(options);
  }
}
