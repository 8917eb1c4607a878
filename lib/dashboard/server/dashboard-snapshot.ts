import type { LockMode, SkipReason } from '../../core/index.js';
import type { Diagnosis } from '../../inspection/diagnosis.js';

/**
 * Everything that the page shows at one moment, as JSON. Instants are ISO texts by the clock of the serving
 * instance.
 */
export interface DashboardSnapshot {
  readonly at: string;
  /** The instance that serves the page. */
  readonly instance: string;
  readonly database?: string;
  /** Whether the page may end holders. */
  readonly canTerminate: boolean;
  /** Whether the page may pause, resume and run jobs. */
  readonly canControl: boolean;
  /** Why the locks cannot be shown, such as a database that is away. */
  readonly problem?: string;
  readonly counts: {
    /** Locks that are held or waited for in the database. */
    readonly locks: number;
    readonly holders: number;
    readonly waiters: number;
    /** Claims on ticks. They are listed only in searches, and no other count but `matching` includes them. */
    readonly claims: number;
    /** How many locks match the search; `locks` has the first `limit` of them. */
    readonly matching: number;
  };
  /** Locks with waiters first, then those that have been held longest. */
  readonly locks: readonly DashboardLock[];
  readonly instances: readonly DashboardInstance[];
  readonly jobs: readonly DashboardJob[];
  /** Calls that wait for each other, a cycle in words each. */
  readonly deadlocks: readonly string[];
  readonly doctor?: DashboardDoctor;
}

/** A key that is held or waited for. */
export interface DashboardLock {
  readonly key: {
    /** As text, `(1, 2)` for a pair; different for any two keys. */
    readonly id: string;
    readonly classid: number;
    readonly objid: number;
    readonly objsubid: 1 | 2;
  };
  /** Missing when no instance that was asked knows it. */
  readonly name?: string;
  /** The tool that is known to use this key. */
  readonly tool?: string;
  /** Whether it is a claim on a job's tick, which is kept for a while after the run. */
  readonly isClaim?: boolean;
  readonly holders: readonly DashboardParty[];
  /** The longest wait first. */
  readonly waiters: readonly DashboardParty[];
}

/** A holder or waiter of a lock. */
export interface DashboardParty {
  /** Missing for a prepared transaction, and for an instance that waits without a connection of its own. */
  readonly pid?: number;
  /** Identifies the backend, because pids are reused. A request to end a holder names it. */
  readonly backendId?: string;
  /**
   * Distinguishes this hold from others of the instance on the same lock, where the instance has reported.
   */
  readonly holdId?: number;
  /** The instance of this library. */
  readonly instance?: string;
  readonly applicationName?: string;
  readonly user?: string;
  readonly clientAddress?: string;
  /** The state of the backend: `active`, `idle`, `idle in transaction`. */
  readonly state?: string;
  readonly mode: LockMode;
  readonly scope?: 'session' | 'transaction';
  /** For how long it has held the lock, or waited, in milliseconds; missing when unknown. */
  readonly sinceMs?: number;
  /** Whether `sinceMs` is only a lower bound. */
  readonly isAtLeast?: boolean;
  /** How many calls inside the instance wait, where it has reported. */
  readonly callsWaiting?: number;
  /** Whether what its backend reports cannot be confirmed. Nothing of it is shown. */
  readonly isUnconfirmed?: boolean;
  /** The pids of the backends that it waits for. */
  readonly blockedBy: readonly number[];
}

export interface DashboardInstance {
  readonly name: string;
  readonly backends: readonly number[];
  /** For how long it has been up, in milliseconds; missing when it did not respond. */
  readonly upMs?: number;
  /** Whether it has connections, but did not respond in time. */
  readonly isSilent: boolean;
  /** Whether it may be no instance of this fleet: it has another role, or not the secret of the fleet. */
  readonly isUnconfirmed?: boolean;
}

/** An exclusive job, and the outcomes of its latest ticks in the fleet. */
export interface DashboardJob {
  /** The name of its lock. */
  readonly name: string;
  readonly method: string;
  readonly schedule?: string;
  /** When it is due next, where the timer of an instance is on. */
  readonly nextAt?: string;
  /** Whether its ticks are left out. */
  readonly isPaused?: boolean;
  /** Whether it is of an application with another namespace, whose jobs only its own dashboard controls. */
  readonly isForeign?: boolean;
  /** The oldest first. */
  readonly ticks: readonly DashboardTick[];
}

export interface DashboardTick {
  readonly at: string;
  /** The best outcome in any instance; `missed` when it was due and no instance has run or skipped it. */
  readonly outcome: 'running' | 'ran' | 'failed' | 'skipped' | 'missed';
  /** The outcome in each instance. */
  readonly instances: readonly {
    readonly instance: string;
    readonly outcome: 'running' | 'ran' | 'failed' | 'skipped';
    readonly reason?: SkipReason;
    readonly lateMs?: number;
    readonly durationMs?: number;
    readonly error?: string;
  }[];
}

export interface DashboardDoctor extends Pick<Diagnosis, 'isHealthy' | 'problems' | 'pooler'> {
  /** The server, the connections and the lock table, in one line. */
  readonly summary?: string;
  readonly checkedAt: string;
}

/** The request of the page to end a listed holder, which is ended only if it still holds that lock. */
export interface TerminateRequest {
  readonly key: DashboardLock['key'];
  readonly pid: number;
  readonly backendId: string;
  readonly holdId?: number;
  readonly reason: string;
}

export interface TerminateResult {
  /** The pids that were ended; none when the holder has changed meanwhile. */
  readonly ended: readonly number[];
  /** Whether none was ended because its instance reports that it has taken the lock again since. */
  readonly isRetaken?: boolean;
}
