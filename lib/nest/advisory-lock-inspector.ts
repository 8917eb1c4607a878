import { Logger } from '@nestjs/common';
import {
  checkOptions,
  LockConfigurationError,
  type LockEngine,
  type LockKey,
  type LockMode,
  type LockName,
  wholeMs,
} from '../core/index.js';
import type { Fleet } from '../fleet/fleet.js';
import type { FleetLook } from '../fleet/fleet-look.js';
import { terminateListed } from '../fleet/terminate-listed.js';
import type { RunQuery } from '../inspection/inspect-locks.js';
import type { InspectedLock, WaitGraph } from '../inspection/inspected-lock.js';
import { type Ending, terminateHolders } from '../inspection/terminate-holders.js';
import { waitGraphOf } from '../inspection/wait-graph.js';
import type { AdvisoryLockService } from './advisory-lock.service.js';
import { type FeatureHost, FEATURES } from './features.js';

/** Which locks to list; all conditions have to hold. */
export interface LockFilter {
  /** Only those on the key of this name. */
  readonly name?: LockName;
  /** Only those that are held (`true`), or waited for (`false`). */
  readonly isGranted?: boolean;
  readonly mode?: LockMode;
  /** Only those of this backend. */
  readonly pid?: number;
}

/** Whether to ask the other instances of the fleet too. */
export interface FleetOptions {
  /**
   * How long to wait for the answers of the other instances, in milliseconds, up to 60_000; 0 does not ask. They tell the names of their
   * locks, since when they hold them (`heldMs`) and how many of their calls wait (`callsWaiting`). The question travels with the look; the
   * wait ends when all have answered, so only an instance that is silent makes it last, and that once: it is not waited for again until
   * it is heard.
   * @default 0
   */
  readonly fleetWithinMs?: number;
}

/** What to ask the fleet. */
export interface FleetLookOptions {
  /** Only about the lock of this name. */
  readonly name?: LockName;
  /**
   * How long to wait for the answers of the other instances, in milliseconds, up to 60_000; with 0 only this instance tells.
   * @default 500
   */
  readonly withinMs?: number;
}

const FLEET_WITHIN_MS = 500;

const withinRule = wholeMs(0, 60_000);

/**
 * Whose backend to end: the holders of a lock by its name; a backend by its pid, if it holds any lock of the database; or one holder
 * as it was listed, if it is still the same backend and still holds that lock. A key that is a number has to be written as a bigint
 * here, as numbers are pids.
 */
export type TerminateTarget =
  | Exclude<LockName, number>
  | number
  | Pick<InspectedLock, 'key' | 'name' | 'backend' | 'isGranted' | 'holdId'>;

export interface TerminateOptions {
  /** Why, for the log. */
  readonly reason: string;
}

/**
 * Shows who holds which advisory lock of the database and who waits for it: the locks of this library and those of everybody else.
 * Inject it by its class; for a module with a `name`, make one of its service.
 *
 * Each look is one statement on the lock connection, so it takes no connection of the pool, and needs no superuser. A role without
 * `pg_read_all_stats` sees less of the backends of other roles: their pid and application name, but not their address and times.
 *
 * What it answers is for display: by the time it is read, it may be over. All methods reject with `LOCK_CONNECTION` when the database
 * is away, and with `LOCK_SHUTDOWN` when the application has shut down.
 *
 * @example
 * ```ts
 * constructor(private readonly inspector: AdvisoryLockInspector) {}
 *
 * async whoHas(name: string): Promise<string> {
 *   const [holder] = await this.inspector.list({ name, isGranted: true });
 *   return holder === undefined ? 'nobody' : `${holder.backend?.applicationName} at ${holder.backend?.clientAddress}`;
 * }
 *
 * new AdvisoryLockInspector(archiveLocks); // of @InjectAdvisoryLock('archive')
 * ```
 */
export class AdvisoryLockInspector {
  private readonly logger = new Logger('AdvisoryLockInspector');

  private readonly engine: LockEngine;
  private readonly instances: Fleet;

  constructor(locks: AdvisoryLockService);
  /** @internal */
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- only this one is left out of the published types
  constructor(host: FeatureHost);
  constructor({ [FEATURES]: { engine, fleet } }: FeatureHost) {
    this.engine = engine;
    this.instances = fleet;
  }

  /**
   * All advisory locks of the database, those that are held first, then those that are waited for, the longest wait first.
   *
   * @example
   * ```ts
   * for (const { name, key, backend } of await inspector.list({ isGranted: true })) {
   *   console.log(name ?? key.id, backend?.pid);
   * }
   * ```
   */
  async list({ name, isGranted, mode, pid, fleetWithinMs }: LockFilter & FleetOptions = {}): Promise<
    InspectedLock[]
  > {
    const { locks } = await this.inspect(fleetWithinMs, name);
    return locks.filter(
      (lock) =>
        (isGranted === undefined || lock.isGranted === isGranted) &&
        (mode === undefined || lock.mode === mode) &&
        (pid === undefined || lock.backend?.pid === pid),
    );
  }

  /** Who holds the lock of that name, and who waits for it. Of a lock with permits it tells of the first. */
  find(name: LockName, options: FleetOptions = {}): Promise<InspectedLock[]> {
    return this.list({ ...options, name });
  }

  /**
   * Who waits for the lock of that name in Postgres' queue, the longest wait first. Of each process it is one: those behind it wait inside
   * of the process; `callsWaiting` counts them.
   */
  waiters(name: LockName, options: FleetOptions = {}): Promise<InspectedLock[]> {
    return this.list({ ...options, name, isGranted: false });
  }

  /**
   * Who waits for whom.
   *
   * @example
   * ```ts
   * const { edges } = await inspector.graph();
   * for (const { waiter, blocker, name } of edges) console.log(`${waiter} waits for ${blocker}, which has ${name}`);
   * ```
   */
  async graph({ fleetWithinMs }: FleetOptions = {}): Promise<WaitGraph> {
    return waitGraphOf((await this.inspect(fleetWithinMs)).locks);
  }

  /**
   * Asks the fleet, and answers all that there is to know: the locks, what each instance tells of itself, its jobs included, and which
   * connections of this library nobody has told of. Calls that wait in a process whose waiting connections are all taken are in the
   * reports alone. Of an instance that holds more than 500 locks it tells of those that are waited for and that have been held longest.
   *
   * @example
   * ```ts
   * const { reports, silent } = await inspector.fleet({ withinMs: 1_000 });
   * for (const { instance, locks } of reports) console.log(instance, locks.map(({ name }) => name));
   * for (const { instance } of silent) console.log(`${instance} does not answer`);
   * ```
   */
  async fleet({ name, withinMs = FLEET_WITHIN_MS }: FleetLookOptions = {}): Promise<FleetLook> {
    checkOptions({ withinMs }, { withinMs: withinRule }, 'AdvisoryLockInspector');
    return this.instances.inspect({ keys: this.keysOf(name), withinMs });
  }

  /**
   * Ends the backends of who holds a lock at this moment, and answers their pids: none when it is not held any more, or by another than
   * was listed, or taken anew by the same one, where it was listed with `fleetWithinMs`. That frees all other locks of that backend too; a
   * process of this library is told that they are lost, and connects anew.
   * When it resolves, the backends have been told to end, and do so in a moment.
   *
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) when the role of the lock connection lacks the privilege: it may end
   * backends of its own role, and others as a member of `pg_signal_backend`.
   * @example
   * ```ts
   * const [holder] = await inspector.list({ name: 'daily-report', isGranted: true });
   * // … somebody looks at it, and decides …
   * const pids = await inspector.terminate(holder, { reason: 'hangs since the migration' });
   * if (pids.length === 0) console.log('it has changed hands meanwhile');
   * ```
   */
  async terminate(target: TerminateTarget, { reason }: TerminateOptions): Promise<number[]> {
    if (typeof reason !== 'string' || reason === '') {
      throw new LockConfigurationError('terminate() needs a `reason`, which is logged.');
    }
    const { pids, isOwnMeant } = await this.end(target);
    for (const pid of pids)
      this.logger.warn(`Backend ${pid}, which held ${describe(target)}, was ended: ${reason}`);
    if (isOwnMeant) this.engine.failSession(new Error(`it was ended by hand: ${reason}`));
    return [...pids];
  }

  private async inspect(fleetWithinMs: number | undefined, name?: LockName): Promise<FleetLook> {
    checkOptions({ fleetWithinMs }, { fleetWithinMs: withinRule }, 'AdvisoryLockInspector');
    const withinMs = fleetWithinMs === 0 ? undefined : fleetWithinMs;
    return this.instances.inspect({ keys: this.keysOf(name), withinMs });
  }

  private keysOf(name: LockName | undefined): LockKey[] | undefined {
    return name === undefined ? undefined : [this.engine.keys.keyOf(name)];
  }

  private readonly query: RunQuery = (statement) => this.engine.server.query(statement);

  private end(target: TerminateTarget): Promise<Ending> {
    if (typeof target === 'number') return terminateHolders(this.query, { pid: target });
    if (typeof target !== 'object' || !('key' in target)) {
      return terminateHolders(this.query, { key: this.engine.keys.keyOf(target) });
    }
    const { backend, isGranted } = target;
    if (backend === undefined || !isGranted) {
      throw new LockConfigurationError(
        `terminate() was given a lock that ${isGranted ? 'a prepared transaction holds, which has no backend: use ROLLBACK PREPARED' : 'is waited for, not held'}.`,
      );
    }
    return terminateListed(this.instances, this.query, target);
  }
}

function describe(target: TerminateTarget): string {
  if (typeof target === 'number') return 'an advisory lock';
  if (typeof target !== 'object') return `the lock "${target}"`;
  return `the lock "${'key' in target ? (target.name ?? target.key.id) : `(${target.join(', ')})`}"`;
}
