import type { ModuleRef } from '@nestjs/core';
import { DEFAULT_NAME, LockEngine, type LockNames, type LockOptions } from '../core/index.js';
import { serviceKeysOf, writeService } from '../locking/service-key.js';
import type { AdvisoryLockModuleOptions } from '../nest/advisory-lock.options.js';
import { AdvisoryLockService } from '../nest/advisory-lock.service.js';
import { createFeatures } from '../nest/create-features.js';
import { databaseInMemory } from '../nest/module-database.js';
import type { Features } from '../nest/features.js';
import type { LockDouble } from '../nest/lock-double.js';
import { findEntityManager } from './find-entity-manager.js';
import type { MemoryRuns } from './memory-runs.js';
import { MemoryServer } from './memory-server.js';
import { MemoryDataSource } from './memory-transactions.js';
import { runTick } from './run-tick.js';

/**
 * The options of `AdvisoryLockTestingModule.forRoot` and of `new AdvisoryLockTesting`: those of the module,
 * and what its transactions get.
 *
 * @example
 * ```ts
 * const testing = new AdvisoryLockTesting({ entityManager: { update: jest.fn() } });
 * ```
 */
export interface AdvisoryLockTestingOptions extends AdvisoryLockModuleOptions {
  /**
   * What the bodies of transaction locks get as their `EntityManager`, and `currentEntityManager()` returns:
   * an object with the methods that the tested code calls.
   * @default the `EntityManager` that the test provides to Nest; else an empty object
   */
  readonly entityManager?: object;
}

/** What {@link AdvisoryLockTesting.hold} resolves to. */
export interface HeldElsewhere {
  /** Gives the lock back. Never rejects. */
  release(): Promise<void>;
}

/** For code that Nest does not make. */
const WITHOUT_NEST = {
  get: (): never => {
    throw new Error('There is no Nest application.');
  },
} as unknown as ModuleRef;

/**
 * Locks without a database, for unit tests: the locks of this library with a server in memory. Two calls
 * exclude each other, waits wait, and permits, shared locks, lists of names, leaderships and ticks follow the
 * rules of a server. Get it from `AdvisoryLockTestingModule`, or make one where there is no Nest.
 *
 * @example
 * ```ts
 * const testing = new AdvisoryLockTesting();
 * const orders = testing.provide(new Orders());
 * const busy = await testing.hold('order:7');
 * await expect(orders.pay('7')).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
 * await busy.release();
 * await orders.pay('7');
 * expect(testing.held()).toEqual([]);
 * ```
 */
export class AdvisoryLockTesting {
  /** What takes the place of the database in the modules of the application. @internal */
  readonly double: LockDouble;
  private readonly server = new MemoryServer();
  private readonly modules = new Map<string, Features>();
  private readonly waiting = new Map<string, (features: Features) => void>();
  private readonly options: AdvisoryLockModuleOptions;
  private readonly runs: MemoryRuns;
  private elsewhere: LockEngine | undefined;
  private ownService: AdvisoryLockService | undefined;

  constructor(options?: AdvisoryLockTestingOptions);
  /** @internal */
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- the published types leave it out
  constructor(options?: AdvisoryLockTestingOptions, moduleRef?: ModuleRef);
  constructor(
    options: AdvisoryLockTestingOptions = {},
    private readonly moduleRef: ModuleRef = WITHOUT_NEST,
  ) {
    this.options = moduleOptionsOf(options);
    const findManager = async (): Promise<object> =>
      options.entityManager ?? (await findEntityManager(moduleRef)) ?? {};
    const dataSource = new MemoryDataSource(this.server, findManager);
    this.runs = dataSource.runs;
    this.double = {
      engineOptions: {
        connections: this.server.connectionsOf('application'),
        dataSource: () => dataSource as never,
      },
      opened: (name, features) => {
        this.modules.set(name, features);
        this.waiting.get(name)?.(features);
      },
    };
  }

  /** The service of the default module, for code that takes it as an argument. */
  get service(): AdvisoryLockService {
    this.ownService ??= new AdvisoryLockService(this.features);
    return this.ownService;
  }

  /**
   * Holds the lock as another instance of the application does, and resolves when it is held.
   *
   * @param options - those of `AdvisoryLockService.acquire`, such as `mode`, `permits` and `waitMs`.
   * @throws {@link LockUnavailableError} (`LOCK_UNAVAILABLE`) when it is held already,
   * {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid name or option.
   * @example
   * ```ts
   * const busy = await testing.hold('import');
   * await expect(imports.run()).rejects.toThrow(LockUnavailableError);
   * await busy.release();
   * ```
   */
  async hold(name: LockNames, options?: LockOptions): Promise<HeldElsewhere> {
    const { engine } = this.features;
    this.elsewhere ??= LockEngine.open({
      keys: engine.keys,
      connections: this.server.connectionsOf('elsewhere'),
      applicationName: 'elsewhere',
      database: () => ({ type: 'postgres' }),
    });
    const lock = await this.elsewhere.locks.acquire(name, options);
    return { release: () => lock.release() };
  }

  /**
   * Ends the connection that holds the lock, as an outage does: the lock is lost, and so are all others of
   * that connection. Resolves when the holders are notified; does nothing when no one holds it.
   *
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid name.
   *
   * @example
   * ```ts
   * const running = imports.run();
   * await testing.lose('import');
   * await expect(running).rejects.toMatchObject({ code: 'LOCK_LOST' });
   * ```
   */
  async lose(name: LockNames): Promise<void> {
    const { engine } = this.features;
    const pids = new Set(this.holdersOf(await keyIdsOf(engine, name)));
    const lost = this.server.backends.filter(({ pid }) => pids.has(pid));
    for (const backend of lost) backend.fail(new Error('AdvisoryLockTesting.lose() has ended it'));
    await Promise.all(lost.map(({ ended }) => ended));
  }

  /**
   * Returns the names of the locks that the application holds now, sorted; those of {@link hold} are not
   * among them, and claims of ticks neither.
   *
   * @example
   * ```ts
   * afterEach(() => expect(testing.held()).toEqual([]));
   * ```
   */
  held(): string[] {
    const names = new Set<string>();
    for (const { engine } of this.modules.values()) {
      for (const { key, holds } of engine.activities) if (holds.length > 0) names.add(key.name);
      for (const { key, scope, isGranted } of this.server.locks.rows)
        if (isGranted && scope === 'transaction') names.add(engine.keys.nameOf(String(key)));
    }
    return [...names].sort();
  }

  /**
   * Calls a method with `@ExclusiveCron` or `@ExclusiveInterval` as its timer does for the tick of that
   * instant, and resolves to its result: once for each instant, or for each period of an interval, and not
   * while another tick of it runs. A method with `@ExclusiveTimeout` has no ticks, and runs at each call.
   *
   * @param at - the instant of the tick; now when left out.
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for a method without such a decorator, and
   * what the method throws.
   * @example
   * ```ts
   * await testing.runTick(reports, 'daily', new Date('2026-11-22T03:00:00Z'));
   * ```
   */
  runTick(instance: object, methodName: string | symbol, at = new Date()): Promise<unknown> {
    return runTick(instance, methodName, at);
  }

  /**
   * Makes everything free: releases what {@link hold} holds, forgets the claims and records of ticks, and
   * ends the connections of the application, so that what it still holds is lost. Never rejects.
   */
  async reset(): Promise<void> {
    const { elsewhere } = this;
    this.elsewhere = undefined;
    this.runs.clear();
    await elsewhere?.close(0);
    this.onModuleDestroy();
    const { backends } = this.server;
    for (const backend of backends) backend.fail(new Error('AdvisoryLockTesting.reset() has ended it'));
    await Promise.all(backends.map(({ ended }) => ended));
  }

  /**
   * Gives an object that was made with `new` what its decorated methods need, and returns it.
   *
   * @example
   * ```ts
   * const orders = testing.provide(new Orders(repository));
   * ```
   */
  provide<T extends object>(instance: T): T {
    for (const key of serviceKeysOf(instance)) writeService(instance, key, this.service);
    return instance;
  }

  /** For Nest: forgets the claims of ticks, for which the end of an application would wait. @internal */
  onModuleDestroy(): void {
    for (const { engine } of this.modules.values())
      for (const { key } of engine.claims.held) engine.claims.giveBack(key);
  }

  /** The parts of a module of the application, when they have been made. @internal */
  featuresOf(name: string): Promise<Features> {
    const features = this.modules.get(name);
    if (features !== undefined) return Promise.resolve(features);
    return new Promise((resolve) => this.waiting.set(name, resolve));
  }

  private get features(): Features {
    const [first] = this.modules.values();
    return (
      this.modules.get(DEFAULT_NAME) ??
      first ??
      createFeatures(
        DEFAULT_NAME,
        this.options,
        this.moduleRef,
        () => databaseInMemory(this.double.engineOptions.dataSource),
        this.double,
      )
    );
  }

  private holdersOf(keyIds: ReadonlySet<string>): number[] {
    return this.server.locks.rows.flatMap(({ key, pid, isGranted }) =>
      isGranted && keyIds.has(String(key)) ? pid : [],
    );
  }
}

/** The options of the module alone. */
export function moduleOptionsOf(options: AdvisoryLockTestingOptions): AdvisoryLockModuleOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => name !== 'entityManager'));
}

/** The keys of the locks, also of those that are held with other options than the name alone. */
async function keyIdsOf(engine: LockEngine, name: LockNames): Promise<ReadonlySet<string>> {
  const names = Array.isArray(name) && typeof name[0] !== 'number' ? name : [name];
  const ids = new Set<string>();
  for (const each of names) {
    await engine.serverKeys.resolve(each as string);
    ids.add(engine.keys.keyOf(each as string).id);
  }
  for (const { key } of engine.activities) if (names.includes(key.name)) ids.add(key.id);
  return ids;
}
