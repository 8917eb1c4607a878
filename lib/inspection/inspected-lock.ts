import type { LockMode } from '../core/index.js';

/** The key of an advisory lock in all its forms. All of them can be written as JSON. */
export interface InspectedKey {
  /** As `AdvisoryLock.key` writes it: `7440995589958059143`, or `(1, 2)` for a pair. No two keys share it. */
  readonly id: string;
  /** Which of the two key spaces it belongs to; Postgres keeps them apart. */
  readonly form: 'bigint' | 'pair';
  /** One signed 64-bit integer, as text, for `pg_advisory_lock(bigint)`. */
  readonly bigint: string;
  /** Two signed 32-bit integers, for `pg_advisory_lock(int4, int4)`. */
  readonly pair: readonly [number, number];
  /** The column of `pg_locks`: the high half of the key, unsigned. */
  readonly classid: number;
  /** The column of `pg_locks`: the low half of the key, unsigned. */
  readonly objid: number;
  /** The column of `pg_locks`: 1 for a bigint, 2 for a pair. */
  readonly objsubid: 1 | 2;
}

/**
 * The backend that holds a lock or waits for it. Optional properties are missing where the role of the lock
 * connection may not see them: it sees its own role and the roles it is a member of, others only with
 * `pg_read_all_stats`.
 *
 * @see https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW
 */
export interface InspectedBackend {
  /** The process id of the backend on the server. */
  readonly pid: number;
  /** Identifies the backend: the system may give its pid to another one later. */
  readonly id?: string;
  /** The role that it has logged in as. */
  readonly user?: string;
  /** Its `application_name`. */
  readonly applicationName?: string;
  /** For a connection of this library: the `instanceName` of its instance, read from the application name. */
  readonly instance?: string;
  /** The IP address of its client. Also missing for a connection through a socket file. */
  readonly clientAddress?: string;
  /** The TCP port of its client. Also missing for a connection through a socket file. */
  readonly clientPort?: number;
  /** The `state` in `pg_stat_activity`: `active`, `idle`, `idle in transaction`, … */
  readonly state?: string;
  /** When it was started, by the clock of the server. */
  readonly startedAt?: Date;
  /** When its transaction began, by the clock of the server; missing when it is in none. */
  readonly transactionStartedAt?: Date;
  /**
   * Since when it is in that state, by the clock of the server. Postgres does not record when a lock was
   * granted. For a backend that takes one lock and then idles, this is that moment. For a lock connection of
   * this library, which sends heartbeats and holds many locks, it is not.
   */
  readonly stateChangedAt?: Date;
}

/**
 * An advisory lock that one backend holds or waits for. A lock with a holder and two waiters is listed three
 * times.
 *
 * @example
 * ```ts
 * const held = (await inspector.list()).filter(({ isGranted }) => isGranted);
 * ```
 */
export interface InspectedLock {
  /** The key in Postgres. */
  readonly key: InspectedKey;
  /**
   * The name that the key was made of, without the namespace. It is known when this process has used the name
   * recently, was asked for it, or when another instance has reported it.
   */
  readonly name?: string;
  /** The tool that is known to use this key, such as `Prisma Migrate`. */
  readonly tool?: string;
  /** Whether the lock is, or would be, exclusive or shared. */
  readonly mode: LockMode;
  /** Whether the backend holds the lock; otherwise it waits for it. */
  readonly isGranted: boolean;
  /**
   * Whether the lock lasts until the end of its session or of its transaction. Missing for a backend inside a
   * transaction, for which Postgres does not say it.
   */
  readonly scope?: 'session' | 'transaction';
  /**
   * The backend that holds the lock or waits for it. Missing for a prepared transaction, which has no
   * backend.
   */
  readonly backend?: InspectedBackend;
  /** The `instanceName` of the instance of this library that holds the lock or waits for it. */
  readonly instance?: string;
  /**
   * For how long it has been held, in milliseconds, when its instance was asked (`fleetWithinMs`) and has
   * reported.
   */
  readonly heldMs?: number;
  /**
   * Distinguishes this hold from earlier and later ones of the same instance on the same lock, when the
   * instance was asked and has reported.
   */
  readonly holdId?: number;
  /**
   * Whether it is a claim on a job's tick, which is kept for a while after the run, so that the tick does not
   * run again. Known when the instance was asked and has reported.
   */
  readonly isClaim?: boolean;
  /** How many calls inside that instance wait for it, when the instance was asked and has reported. */
  readonly callsWaiting?: number;
  /**
   * Whether the backend has reported, but may be no instance of this fleet: a session of another role than
   * that of the asker or, with the option `fleetSecret`, one without the secret. Nothing of its report is
   * used here.
   */
  readonly isUnconfirmed?: boolean;
  /**
   * Since when the backend waits, by the clock of the server. Postgres 14 and later report it, shortly after
   * the wait has begun. When its instance was asked and has reported, since when the first of its calls
   * waits: a backend joins the queue again and again.
   */
  readonly waitingSince?: Date;
  /** For how long the backend has waited, in milliseconds; missing where `waitingSince` is. */
  readonly waitingMs?: number;
  /**
   * The pids of the backends that it waits for: the holders, and the waiters before it in the queue. 0 is a
   * prepared transaction. Inspecting many waiters takes a while, so one of these may have gone by now.
   */
  readonly blockedBy: readonly number[];
}

/** One backend that waits for another. */
export interface WaitEdge {
  /** The pid of the backend that waits. */
  readonly waiter: number;
  /** The pid of the backend that it waits for; 0 is a prepared transaction. */
  readonly blocker: number;
  /** The key of the lock that it waits for. */
  readonly key: InspectedKey;
  /** The name of that lock, where it is known. */
  readonly name?: string;
  /** Whether the blocker holds the lock, or stands before the waiter in the queue. */
  readonly because: 'holds' | 'queues';
}

/** Which backend waits for which. */
export interface WaitGraph {
  /** The locks that the graph was made of. */
  readonly locks: readonly InspectedLock[];
  /** All backends that hold a lock or wait for one. */
  readonly backends: readonly InspectedBackend[];
  /** One edge for each backend, blocker and lock. */
  readonly edges: readonly WaitEdge[];
}
