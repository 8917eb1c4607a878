import type { LockMode, SkipReason } from '../../core/index.js';
import type { Diagnosis } from '../../inspection/diagnosis.js';

/** All that the page shows at one moment, as JSON. Instants are ISO texts by the clock of the instance that serves the page. */
export interface DashboardSnapshot {
  readonly at: string;
  /** Which instance serves the page. */
  readonly instance: string;
  readonly database?: string;
  /** Whether the page may end holders. */
  readonly canTerminate: boolean;
  /** Why there is nothing to see of the locks, such as a database that is away. */
  readonly problem?: string;
  readonly counts: {
    /** Locks that are held or waited for in the database. */
    readonly locks: number;
    readonly holders: number;
    readonly waiters: number;
    /** Claims on ticks, which are listed only when they are searched for, and are in none of the other counts but `matching`. */
    readonly claims: number;
    /** How many of the locks match the search; of these the first `limit` are in `locks`. */
    readonly matching: number;
  };
  /** Those that are waited for first, then those that have been held longest. */
  readonly locks: readonly DashboardLock[];
  readonly instances: readonly DashboardInstance[];
  readonly jobs: readonly DashboardJob[];
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
  /** Missing when nobody who was asked knows it. */
  readonly name?: string;
  /** Of a key that is another tool's. */
  readonly tool?: string;
  /** Whether it is a claim on a job's tick, which is kept for a while after the run. */
  readonly isClaim?: boolean;
  readonly holders: readonly DashboardParty[];
  /** The longest wait first. */
  readonly waiters: readonly DashboardParty[];
}

/** Who holds a lock, or waits for it. */
export interface DashboardParty {
  /** Missing for a prepared transaction, and for an instance that waits without a connection of its own. */
  readonly pid?: number;
  /** Which backend it is, as pids are given again. What a holder is ended by. */
  readonly backendId?: string;
  /** Tells this hold from that instance's earlier and later ones of the same lock, where it has told. */
  readonly holdId?: number;
  /** Of this library: which instance. */
  readonly instance?: string;
  readonly applicationName?: string;
  readonly user?: string;
  readonly clientAddress?: string;
  /** What the backend does: `active`, `idle`, `idle in transaction`. */
  readonly state?: string;
  readonly mode: LockMode;
  readonly scope?: 'session' | 'transaction';
  /** For how long it has held the lock, or waited, in milliseconds; missing when nobody can tell. */
  readonly sinceMs?: number;
  /** When that is only known to be at least so long. */
  readonly isAtLeast?: boolean;
  /** How many calls inside of that instance wait, where it has told. */
  readonly callsWaiting?: number;
  /** The pids that it waits for. */
  readonly blockedBy: readonly number[];
}

export interface DashboardInstance {
  readonly name: string;
  readonly backends: readonly number[];
  /** Missing when it did not answer. */
  readonly upMs?: number;
  /** It has connections, but did not answer in time. */
  readonly isSilent: boolean;
}

/** An exclusive job, and what became of its latest ticks in the fleet. */
export interface DashboardJob {
  /** The name of its lock. */
  readonly name: string;
  readonly method: string;
  readonly schedule?: string;
  /** When it is due next, where the instance that serves the page has the job. */
  readonly nextAt?: string;
  /** The oldest first. */
  readonly ticks: readonly DashboardTick[];
}

export interface DashboardTick {
  readonly at: string;
  /** The best that any instance made of it; `missed` when it was due and no instance had anything to do with it. */
  readonly outcome: 'running' | 'ran' | 'failed' | 'skipped' | 'missed';
  /** What each instance made of it. */
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
  /** What the locks rest on, in one line. */
  readonly summary?: string;
  readonly checkedAt: string;
}

/** What the page sends to end a holder: one that was listed, which is only ended if it still holds that lock. */
export interface TerminateRequest {
  readonly key: DashboardLock['key'];
  readonly pid: number;
  readonly backendId: string;
  readonly holdId?: number;
  readonly reason: string;
}

/** The pids that were ended; none when the holder has changed meanwhile. */
export interface TerminateAnswer {
  readonly ended: readonly number[];
}
