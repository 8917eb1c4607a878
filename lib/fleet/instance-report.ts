import type { SkipReason } from '../core/index.js';

/**
 * What an instance reports about itself when the fleet is asked. It has durations rather than moments,
 * because clocks differ. All of it is JSON.
 */
export interface InstanceReport {
  /** The option `instanceName`, by default the host and the process: `web-1:4711`. */
  readonly instance: string;
  /** The pids of the backends of its lock connections. */
  readonly backends: readonly number[];
  /** For how long it has been up, in milliseconds. */
  readonly upMs: number;
  /** The locks that it holds or waits for. */
  readonly locks: readonly ReportedLock[];
  /** Its calls that wait for one lock and keep others meanwhile; missing when there is none. */
  readonly waits?: readonly ReportedWait[];
  /**
   * What the names of its locks begin with, such as `shop:`: another application may have jobs of the same
   * name. Missing in the report of an earlier version, whose jobs count as those of the asker's application.
   * @internal
   */
  readonly prefix?: string;
  /** Its exclusive jobs. */
  readonly jobs: readonly ReportedJob[];
  /**
   * Whether its sender may be no instance of this fleet: a session of another role than that of the asker,
   * or, with `fleetSecret`, one without the secret. Nothing of it is used for the locks that are listed.
   */
  readonly isUnconfirmed?: boolean;
}

/** Whether the jobs of the report are those of an application with other locks on the same database. */
export function isOfOtherNamespace(report: InstanceReport, ownPrefix: string): boolean {
  // Not in the signature, which the declarations of the package would keep: there is no such property there.
  const { prefix } = report;
  return prefix !== undefined && prefix !== ownPrefix;
}

/** A lock that an instance holds or waits for. */
export interface ReportedLock {
  /** The key in Postgres, as text. */
  readonly key: string;
  /** The name, without the namespace; the same text as `key` where it cannot be verified. */
  readonly name: string;
  /** For how long it has been held, in milliseconds; missing when the instance only waits for it. */
  readonly heldMs?: number;
  /** Distinguishes this hold from earlier and later ones of the instance on the same lock. */
  readonly holdId?: number;
  /** Whether it is a claim on a job's tick, which stays for a while after the run. */
  readonly isClaim?: boolean;
  /** How many calls in the instance wait for it; missing when none does. */
  readonly waiters?: number;
  /** For how long the first of these calls has waited, in milliseconds. */
  readonly waitedMs?: number;
}

/** A call of an instance that waits for one lock and keeps others meanwhile. */
export interface ReportedWait {
  /** Identifies the wait in the fleet. */
  readonly id: string;
  /** The keys that it waits for, of which it needs one: those of the permits, or the one of the lock. */
  readonly keys: readonly string[];
  /** The name of the lock that it waits for; its key where the name cannot be verified. */
  readonly name: string;
  /** Whether it waits to hold the lock shared. */
  readonly isShared?: boolean;
  /** The locks that it keeps while it waits. */
  readonly inside: readonly ReportedKeptLock[];
  /** Where it requested the lock: a method such as `Orders.pay`, or a place in the code. */
  readonly requestedBy?: string;
}

/** A lock that a call keeps while it waits for another one. */
export interface ReportedKeptLock {
  /** The key in Postgres, as text. */
  readonly key: string;
  /** The name of the lock; its key where the name cannot be verified. */
  readonly name: string;
  /** Whether it is held shared. */
  readonly isShared?: boolean;
}

/** An exclusive job of an instance. */
export interface ReportedJob {
  /** The name of its lock. */
  readonly name: string;
  /** The class and the method, such as `Reports.nightly`. */
  readonly method: string;
  /** The schedule as it is written: a cron expression, or `every 5000 ms`. */
  readonly schedule?: string;
  /** The next tick of the schedule, in milliseconds since 1970; missing where the timer is off. */
  readonly nextAtMs?: number;
  /** The latest ticks that the instance has run or skipped, the oldest first. */
  readonly ticks: readonly ReportedTick[];
}

/** What one instance did with a tick. */
export interface ReportedTick {
  /** When the tick was due, in milliseconds since 1970. */
  readonly atMs: number;
  /** Whether the method is running, has resolved, has failed, or was not called. */
  readonly outcome: 'running' | 'ran' | 'failed' | 'skipped';
  /** Why it was skipped; missing otherwise. */
  readonly reason?: SkipReason;
  /** `'manual'` for a run on demand, at the moment `atMs`; missing for a tick of the schedule. */
  readonly trigger?: 'manual';
  /** How long after the tick the timer fired, in milliseconds. */
  readonly lateMs?: number;
  /** For how long the method ran, or has been running, in milliseconds. */
  readonly durationMs?: number;
  /** The message of the error that the method threw. */
  readonly error?: string;
}
