import {
  checkOptions,
  describe as describeValue,
  LockConfigurationError,
  type LockEngine,
  type LockKey,
  type LockLog,
  type LockMode,
  type LockName,
  wholeMs,
} from '../core/index.js';
import type { Fleet } from '../fleet/fleet.js';
import type { FleetLook } from '../fleet/fleet-look.js';
import { terminateListed } from '../fleet/terminate-listed.js';
import type { RunQuery } from '../inspection/inspect-locks.js';
import type { InspectedLock, WaitGraph } from '../inspection/inspected-lock.js';
import { type EndingOfAll, terminateAll } from '../inspection/terminate-all.js';
import { type Ending, terminateHolders } from '../inspection/terminate-holders.js';
import { waitGraphOf } from '../inspection/wait-graph.js';
import type { HeldLease, LeaseFilter, LeaseGrant } from '../lease/held-lease.js';
import type { Leases } from '../lease/leases.js';
import type { AdvisoryLockService } from './advisory-lock.service.js';
import { type FeatureHost, FEATURES } from './features.js';

/**
 * Which locks to list. A lock is listed when all conditions hold.
 *
 * @example
 * ```ts
 * await inspector.list({ name: 'import', isGranted: true, fleetWithinMs: 500 });
 * ```
 */
export interface LockFilter {
  /**
   * Only locks on the key of this name.
   * @default none
   */
  readonly name?: LockName;
  /**
   * Only locks that are held (`true`), or waited for (`false`).
   * @default none
   */
  readonly isGranted?: boolean;
  /**
   * Only locks of this mode.
   * @default none
   */
  readonly mode?: LockMode;
  /**
   * Only locks of the backend with this process id.
   * @default none
   */
  readonly pid?: number;
}

/**
 * Whether to ask the other instances of the fleet, too.
 *
 * @example
 * ```ts
 * await inspector.waiters('import', { fleetWithinMs: 500 });
 * ```
 */
export interface FleetOptions {
  /**
   * How long to wait for the reports of the other instances, in milliseconds, up to 60_000; 0 does not ask.
   * They report the names of their locks, how long they have held them (`heldMs`) and how many of their calls
   * wait (`callsWaiting`). The question travels with the query. The wait ends when all have reported, so only
   * a silent instance makes it last, and only once: no call waits for that instance again until it reports.
   * @default 0
   */
  readonly fleetWithinMs?: number;
}

/**
 * What to ask the fleet.
 *
 * @example
 * ```ts
 * await inspector.fleet({ name: 'import', withinMs: 1_000 });
 * ```
 */
export interface FleetLookOptions {
  /**
   * Only about the lock of this name.
   * @default none
   */
  readonly name?: LockName;
  /**
   * How long to wait for the reports of the other instances, in milliseconds, up to 60_000; with 0 only this
   * instance reports.
   * @default 500
   */
  readonly withinMs?: number;
}

const FLEET_WITHIN_MS = 500;

const withinRule = wholeMs(0, 60_000);

/**
 * Which backends to end: the holders of a lock by its name; a backend by its pid, if it holds any lock of the
 * database; or one holder as it was listed, if it is still the same backend and still holds that lock. A key
 * that is a number must be written as a bigint here, as numbers are pids.
 */
export type TerminateTarget =
  | Exclude<LockName, number>
  | number
  | Pick<InspectedLock, 'key' | 'name' | 'backend' | 'isGranted' | 'holdId'>;

/**
 * The options of `AdvisoryLockInspector.terminate` and `endLease`.
 *
 * @example
 * ```ts
 * await inspector.terminate('import', { reason: 'hangs since the migration' });
 * ```
 */
export interface TerminateOptions {
  /** Why, for the log; not empty. */
  readonly reason: string;
}

/**
 * Lists the advisory locks of the database with their holders and waiters: the locks of this library and
 * those of other programs. Inject it by its class; for a module with a `name`, make one with its service.
 *
 * Each call that lists locks is one statement on the lock connection, so it takes no connection of the pool,
 * and needs no superuser. A role without `pg_read_all_stats` sees less of the backends of other roles: their
 * pid and application name, but not their address and times. Leases are read from their table, by a
 * connection of the pool.
 *
 * The results are for display: they may be outdated when they are read. All methods reject with
 * `LOCK_CONNECTION` when the database cannot be reached, and with `LOCK_SHUTDOWN` when the application has
 * shut down.
 *
 * @example
 * ```ts
 * constructor(private readonly inspector: AdvisoryLockInspector) {}
 *
 * async holderOf(name: string): Promise<string> {
 *   const [holder] = await this.inspector.list({ name, isGranted: true });
 *   return holder?.backend?.applicationName ?? 'no holder';
 * }
 *
 * new AdvisoryLockInspector(archiveLocks); // of @InjectAdvisoryLock('archive')
 * ```
 */
export class AdvisoryLockInspector {
  private readonly log: LockLog;
  private readonly engine: LockEngine;
  private readonly instances: Fleet;
  private readonly heldLeases: Leases;

  constructor(locks: AdvisoryLockService);
  /** @internal */
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- the published types leave it out
  constructor(host: FeatureHost);
  constructor({ [FEATURES]: { engine, fleet, leases } }: FeatureHost) {
    this.engine = engine;
    this.log = engine.createLog('AdvisoryLockInspector');
    this.instances = fleet;
    this.heldLeases = leases;
  }

  /**
   * Resolves to all advisory locks of the database: those that are held first, then those that are waited
   * for, the longest wait first.
   *
   * @throws {@link LockConnectionError} (`LOCK_CONNECTION`), {@link LockShutdownError} (`LOCK_SHUTDOWN`),
   * {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid name or option.
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

  /**
   * Resolves to the holders and waiters of the lock of that name; of a lock with permits, those of the first
   * permit.
   *
   * @throws {@link LockConnectionError} (`LOCK_CONNECTION`), {@link LockShutdownError} (`LOCK_SHUTDOWN`),
   * {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid name or option.
   */
  find(name: LockName, options: FleetOptions = {}): Promise<InspectedLock[]> {
    return this.list({ ...options, name });
  }

  /**
   * Resolves to the waiters for the lock of that name in Postgres' queue, the longest wait first. Each
   * process has one waiter there; further calls wait inside the process, and `callsWaiting` counts them.
   *
   * @throws {@link LockConnectionError} (`LOCK_CONNECTION`), {@link LockShutdownError} (`LOCK_SHUTDOWN`),
   * {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid name or option.
   */
  waiters(name: LockName, options: FleetOptions = {}): Promise<InspectedLock[]> {
    return this.list({ ...options, name, isGranted: false });
  }

  /**
   * Resolves to the graph of waiters and their blockers.
   *
   * @throws {@link LockConnectionError} (`LOCK_CONNECTION`), {@link LockShutdownError} (`LOCK_SHUTDOWN`),
   * {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid name or option.
   *
   * @example
   * ```ts
   * const { edges } = await inspector.graph();
   * for (const { waiter, blocker, name } of edges) {
   *   console.log(`${waiter} waits for ${blocker}, which holds ${name}`);
   * }
   * ```
   */
  async graph({ fleetWithinMs }: FleetOptions = {}): Promise<WaitGraph> {
    return waitGraphOf((await this.inspect(fleetWithinMs)).locks);
  }

  /**
   * Asks the fleet, and resolves to the locks, the report of each instance with its jobs, and the connections
   * of this library that no report mentions. Calls that wait in a process whose waiting connections are all
   * taken are only in the reports. The report of an instance that holds more than 500 locks has those that
   * are waited for and those that have been held longest.
   *
   * @throws {@link LockConnectionError} (`LOCK_CONNECTION`), {@link LockShutdownError} (`LOCK_SHUTDOWN`),
   * {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid name or option.
   *
   * @example
   * ```ts
   * const { reports, silent } = await inspector.fleet({ withinMs: 1_000 });
   * for (const { instance, locks } of reports) console.log(instance, locks.map(({ name }) => name));
   * for (const { instance } of silent) console.log(`${instance} is silent`);
   * ```
   */
  async fleet({ name, withinMs = FLEET_WITHIN_MS }: FleetLookOptions = {}): Promise<FleetLook> {
    checkOptions({ withinMs }, { withinMs: withinRule }, 'AdvisoryLockInspector');
    return this.instances.inspect({ keys: this.keysOf(name), withinMs });
  }

  /**
   * Ends the backends that hold a lock at this moment, and resolves to their pids: none when the lock is not
   * held any more, or another backend holds it than was listed, or the same backend has taken it again, where
   * it was listed with `fleetWithinMs`. In a database that applications share, the holder of a key may be
   * another application.
   *
   * That frees all other locks of those backends, too; a process of this library is notified that they are
   * lost, and connects again. When the promise resolves, the backends have received the signal and end within
   * moments.
   *
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) without a `reason`, for an invalid target,
   * for a holder that was listed without the `id` of its backend, as the role may not see it, or when the
   * role of the lock connection lacks the privilege: it may end backends of its own role, and others as a
   * member of `pg_signal_backend`. Where it may end some of several holders, the message says which it has
   * ended. {@link LockConnectionError} (`LOCK_CONNECTION`), {@link LockShutdownError} (`LOCK_SHUTDOWN`).
   * @example
   * ```ts
   * const [holder] = await inspector.list({ name: 'daily-report', isGranted: true });
   * // … an operator reads it, and decides …
   * const pids = await inspector.terminate(holder, { reason: 'hangs since the migration' });
   * if (pids.length === 0) console.log('another holder has it by now');
   * ```
   */
  async terminate(target: TerminateTarget, options: TerminateOptions): Promise<number[]> {
    return [...(await this.end(target, options)).pids];
  }

  /** The same, with the reason why none was ended. @internal */
  async end(target: TerminateTarget, { reason }: TerminateOptions): Promise<Ending> {
    checkReason(reason, 'terminate()');
    const ending = await this.endHolders(target);
    const { pids, isOwnMeant, refusal } = ending;
    for (const pid of pids)
      this.log.warn(`Backend ${pid}, which held ${describe(target)}, was ended: ${reason}`);
    if (isOwnMeant) this.engine.failSession(new Error(`it was ended by hand: ${reason}`));
    if (refusal !== undefined) throw refusal;
    return ending;
  }

  /**
   * Resolves to the leases of the module's `namespace` that are held by the clock of the server, those that
   * end first at the beginning. They have no token.
   *
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid name, and without the table
   * or a privilege on it; {@link LockConnectionError} (`LOCK_CONNECTION`).
   *
   * @example
   * ```ts
   * for (const { name, owner, since, expiresAt } of await inspector.leases()) {
   *   console.log(`${owner} has ${name} since ${since.toISOString()} until ${expiresAt.toISOString()}`);
   * }
   * ```
   */
  async leases({ name }: LeaseFilter = {}): Promise<HeldLease[]> {
    return this.heldLeases.list(name);
  }

  /**
   * Ends a lease as it was listed, and resolves to `true`; to `false` when it has ended before, also where
   * another caller has the name by now. Another caller can have it at once, while the holder may go on: its
   * next `extend()` rejects with `LOCK_LOST`, and without one its signal aborts when its time is nearly over.
   *
   * @param lease - its `name`, and the `fencingToken` of its grant.
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) without a `reason`, for an invalid lease,
   * and without the table or a privilege on it; {@link LockConnectionError} (`LOCK_CONNECTION`).
   * @example
   * ```ts
   * const [lease] = await inspector.leases({ name: 'doc:42' });
   * // … an operator reads it, and decides …
   * if (lease !== undefined) await inspector.endLease(lease, { reason: 'Ada is on holiday' });
   * ```
   */
  async endLease(lease: LeaseGrant, { reason }: TerminateOptions): Promise<boolean> {
    checkReason(reason, 'endLease()');
    const isEnded = await this.heldLeases.end(lease);
    if (isEnded) this.log.warn(`The lease "${lease.name}" (${lease.fencingToken}) was ended: ${reason}`);
    return isEnded;
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

  private async endHolders(target: TerminateTarget): Promise<EndingOfAll> {
    if (typeof target === 'number') return terminateHolders(this.query, { pid: target });
    if (!isListed(target)) return terminateAll(this.query, this.engine.keys.keyOf(target));
    const { backend, isGranted } = target;
    if (backend === undefined || !isGranted) {
      const what = isGranted
        ? 'one that a prepared transaction holds, which has no backend: use ROLLBACK PREPARED'
        : 'one that is waited for';
      throw new LockConfigurationError(
        `The target of terminate() must be a lock that a backend holds, received ${what}.`,
      );
    }
    if (backend.id === undefined) {
      throw new LockConfigurationError(
        'The target of terminate() must be listed with the `id` of its backend, received the pid ' +
          `${backend.pid} alone, which another backend may have by now. To see since when other backends ` +
          'are there, the role of the lock connection must be a member of pg_read_all_stats.',
      );
    }
    return terminateListed(this.instances, this.query, target);
  }
}

function checkReason(reason: unknown, method: string): void {
  if (typeof reason === 'string' && reason !== '') return;
  throw new LockConfigurationError(
    `The option \`reason\` of ${method}, which is logged, must be a string that is not empty, ` +
      `received ${describeValue(reason)}.`,
  );
}

type ListedTarget = Extract<TerminateTarget, { readonly key: unknown }>;

function isListed(target: Exclude<TerminateTarget, number>): target is ListedTarget {
  return typeof target === 'object' && (target as object | null) !== null && 'key' in target;
}

function describe(target: TerminateTarget): string {
  if (typeof target === 'number') return 'an advisory lock';
  if (typeof target !== 'object') return `the lock "${target}"`;
  return `the lock "${'key' in target ? (target.name ?? target.key.id) : `(${target.join(', ')})`}"`;
}
