import type { LockMode } from '../core/index.js';

/** A key of an advisory lock in all its forms. All are safe to write as JSON. */
export interface InspectedKey {
  /** As the locks of this library write it: `7440995589958059143`, or `(1, 2)` for a pair. Different for any two keys. */
  readonly id: string;
  /** Which of the two spaces it is of, which Postgres keeps apart. */
  readonly form: 'bigint' | 'pair';
  /** As one signed 64-bit integer, as text, for `pg_advisory_lock(bigint)`. */
  readonly bigint: string;
  /** As two signed 32-bit integers, for `pg_advisory_lock(int4, int4)`. */
  readonly pair: readonly [number, number];
  /** As `pg_locks` has it: the high half, the low half, both unsigned, and 1 for a bigint, 2 for a pair. */
  readonly classid: number;
  readonly objid: number;
  readonly objsubid: 1 | 2;
}

/**
 * The backend that holds a lock or waits for it. What is optional is missing for a role that may not see it: of its own role and of
 * those that it is a member of it sees all, of others only with `pg_read_all_stats`.
 */
export interface InspectedBackend {
  readonly pid: number;
  /** Which backend it is, as its pid may be given to another later. */
  readonly id?: string;
  readonly user?: string;
  readonly applicationName?: string;
  /** Of a connection of this library: which instance it is of, the option `instanceName`, as its application name says. */
  readonly instance?: string;
  /** Missing also for a connection through a socket file. */
  readonly clientAddress?: string;
  readonly clientPort?: number;
  /** What `pg_stat_activity` says it does: `active`, `idle`, `idle in transaction`, … */
  readonly state?: string;
  readonly startedAt?: Date;
  readonly transactionStartedAt?: Date;
  /**
   * Since when it is in that state. Postgres does not note when a lock was granted. Of a backend that takes one lock and then idles this
   * is the moment; of a lock connection of this library, which sends heartbeats and holds many locks, it is not.
   */
  readonly stateChangedAt?: Date;
}

/** An advisory lock that somebody holds, or waits for. */
export interface InspectedLock {
  readonly key: InspectedKey;
  /** The name it was made of, without the namespace, when this process has used that name lately, was asked for it or was told of it. */
  readonly name?: string;
  /** The tool that is known to use this key, such as `Prisma Migrate`. */
  readonly tool?: string;
  readonly mode: LockMode;
  /** Whether it is held; otherwise it is waited for. */
  readonly isGranted: boolean;
  /**
   * Whether it lasts as long as its session or as its transaction. Postgres does not say it of a backend that is in a transaction: then it
   * is missing.
   */
  readonly scope?: 'session' | 'transaction';
  /** Missing for the lock of a prepared transaction, which has no backend. */
  readonly backend?: InspectedBackend;
  /** Which instance of this library holds it or waits for it: the option `instanceName`. */
  readonly instance?: string;
  /** For how long it has been held, in milliseconds, when that instance was asked (`fleetWithinMs`) and has told. */
  readonly heldMs?: number;
  /** Tells this hold from that instance's earlier and later ones of the same lock, when it was asked and has told. */
  readonly holdId?: number;
  /**
   * Whether it is a claim on a job's tick, which is kept for a while after the run, so that the tick is not run again; when that instance was
   * asked and has told.
   */
  readonly isClaim?: boolean;
  /** How many calls wait for it inside of that instance, when it was asked and has told. */
  readonly callsWaiting?: number;
  /**
   * Since when it is waited for, by the clock of the server. Postgres 14 and later say so, and only a moment after the wait has begun.
   */
  readonly waitingSince?: Date;
  /** For how long, in milliseconds. */
  readonly waitingMs?: number;
  /**
   * The pids of those it waits for: who holds it, and who waits before it in the queue. 0 is a prepared transaction. A look at many waiters is
   * not one moment, so one of them may have gone by now.
   */
  readonly blockedBy: readonly number[];
}

/** One backend that waits for another. */
export interface WaitEdge {
  /** The pid of who waits. */
  readonly waiter: number;
  /** The pid of who is waited for; 0 is a prepared transaction. */
  readonly blocker: number;
  readonly key: InspectedKey;
  readonly name?: string;
  /** Whether the blocker holds the lock, or waits before the waiter in the queue. */
  readonly because: 'holds' | 'queues';
}

/** Who waits for whom. */
export interface WaitGraph {
  readonly locks: readonly InspectedLock[];
  /** Everybody who holds a lock or waits for one. */
  readonly backends: readonly InspectedBackend[];
  readonly edges: readonly WaitEdge[];
}
