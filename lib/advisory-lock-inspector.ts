import { Logger } from '@nestjs/common';
import type { AdvisoryLockService } from './advisory-lock.service.js';
import type { LockKey, LockName } from './engine/lock-key.js';
import type { LockMode } from './engine/lock-mode.js';
import { LockConfigurationError } from './errors/lock-configuration.error.js';
import { inspectLocks } from './inspect/inspect-locks.js';
import type { InspectedLock, WaitGraph } from './inspect/inspected-lock.js';
import { type HolderCondition, terminateHolders } from './inspect/terminate-holders.js';
import { waitGraphOf } from './inspect/wait-graph.js';

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

/**
 * Whose backend to end: the holders of a lock by its name; a backend by its pid, if it holds any lock of the database; or one holder
 * as it was listed, if it is still the same backend and still holds that lock. A key that is a number has to be written as a bigint
 * here, as numbers are pids.
 */
export type TerminateTarget =
  Exclude<LockName, number> | number | Pick<InspectedLock, 'key' | 'backend' | 'isGranted'>;

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

  constructor(private readonly locks: AdvisoryLockService) {}

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
  async list({ name, isGranted, mode, pid }: LockFilter = {}): Promise<InspectedLock[]> {
    const locks = await this.look(name === undefined ? undefined : [this.locks.keys.keyOf(name)]);
    return locks.filter(
      (lock) =>
        (isGranted === undefined || lock.isGranted === isGranted) &&
        (mode === undefined || lock.mode === mode) &&
        (pid === undefined || lock.backend?.pid === pid),
    );
  }

  /** Who holds the lock of that name, and who waits for it. Of a lock with permits it tells of the first. */
  find(name: LockName): Promise<InspectedLock[]> {
    return this.list({ name });
  }

  /**
   * Who waits for the lock of that name in Postgres' queue, the longest wait first. Of each process it is one: those behind it wait inside
   * of the process.
   */
  waiters(name: LockName): Promise<InspectedLock[]> {
    return this.list({ name, isGranted: false });
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
  async graph(): Promise<WaitGraph> {
    return waitGraphOf(await this.look());
  }

  /**
   * Ends the backends of who holds a lock at this moment, and answers their pids: none when it is not held any more, or by another than
   * was listed. That frees all other locks of that backend too; a process of this library is told that they are lost, and connects anew.
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
    const { pids, isOwnMeant } = await terminateHolders(this.ask, this.conditionOf(target));
    for (const pid of pids)
      this.logger.warn(`Backend ${pid}, which held ${describe(target)}, was ended: ${reason}`);
    if (isOwnMeant) this.locks.table.failSession(new Error(`it was ended by hand: ${reason}`));
    return [...pids];
  }

  private look(keys?: readonly LockKey[]): Promise<InspectedLock[]> {
    return inspectLocks(this.ask, {
      ...(keys !== undefined && { keys }),
      nameOf: (keyId) => this.locks.keys.knownNameOf(keyId),
    });
  }

  private readonly ask = (statement: Parameters<AdvisoryLockService['table']['look']>[0]) =>
    this.locks.table.look(statement);

  private conditionOf(target: TerminateTarget): HolderCondition {
    if (typeof target === 'number') return { pid: target };
    if (typeof target !== 'object' || !('key' in target)) return { key: this.locks.keys.keyOf(target) };
    const { key, backend, isGranted } = target;
    if (backend === undefined || !isGranted) {
      throw new LockConfigurationError(
        `terminate() was given a lock that ${isGranted ? 'a prepared transaction holds, which has no backend: use ROLLBACK PREPARED' : 'is waited for, not held'}.`,
      );
    }
    return { key, pid: backend.pid, ...(backend.id !== undefined && { backendId: backend.id }) };
  }
}

function describe(target: TerminateTarget): string {
  if (typeof target === 'number') return 'an advisory lock';
  if (typeof target !== 'object') return `the lock "${target}"`;
  return `the lock "${'key' in target ? target.key.id : `(${target.join(', ')})`}"`;
}
