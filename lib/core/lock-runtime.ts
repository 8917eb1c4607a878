import type { Notification } from './connection/lock-connection.js';
import type { AdvisoryLockEvents } from './events/advisory-lock-events.js';
import type { KeyRegistry } from './key/key-registry.js';
import type { CreateLog } from './options/lock-log.js';
import type { SessionPulse } from './session/lock-sessions.js';
import type { ServerQueries } from './session/server-queries.js';
import type { Claims } from './table/claims.js';
import type { LockActivity } from './table/lock-activity.js';
import type { LockTable } from './table/lock-table.js';
import type { SessionLocks } from './table/session-locks.js';
import type { TransactionLocks } from './transaction/transaction-locks.js';

/**
 * What features take from core: jobs, leaderships, the fleet, the inspector, the health check. The
 * `AdvisoryLockService` is for users, and features never go through it.
 */
export interface LockRuntime {
  readonly keys: KeyRegistry;
  readonly locks: SessionLocks;
  readonly transactionLocks: TransactionLocks;
  /** The locks by their keys, below names, options and events. */
  readonly table: Pick<
    LockTable,
    'tryAcquire' | 'release' | 'withdraw' | 'isLocked' | 'blockedCalls' | 'wakeUps'
  >;
  /** What one instance of the fleet may do once, such as run a tick of a job. */
  readonly claims: Claims;
  readonly events: AdvisoryLockEvents;
  /** Makes the logs of the features, whose lines belong to the same module. */
  readonly createLog: CreateLog;
  /** Queries that no lock depends on. */
  readonly server: ServerQueries;
  /** What this process holds, and what its calls wait for. */
  readonly activities: readonly LockActivity[];
  /** The pids of the backends of its lock connections, as far as they are known. */
  readonly backendPids: readonly number[];
  /** How many lock connections are open, and how many may be. */
  readonly connectionCounts: { readonly open: number; readonly allowed: number };
  /**
   * How many locks this process holds, those on their way included, and how many it may; that is missing
   * while it is not known.
   */
  readonly lockCounts: { readonly used: number; readonly allowed?: number };
  /** The state of the shared session; `undefined` when there is none. Sends no query. */
  readonly pulse: SessionPulse | undefined;
  /** Aborts when no more locks are taken. */
  readonly closeSignal: AbortSignal;
  /** Whether no more locks are taken, permanently. */
  readonly isClosed: boolean;
  /** Whether it is closed and holds no lock. */
  readonly isDrained: boolean;
  /** Ends the session that holds the locks of this process: they are lost. */
  failSession(cause: Error): void;
  /**
   * Calls the listener for each notification of the shared session, until the returned function is called.
   */
  onNotification(listener: (notification: Notification) => void): () => void;
}
