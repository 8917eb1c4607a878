import type { SkipReason } from '../core/index.js';

/** What an instance tells of itself when the fleet is asked. Durations, as clocks differ. All of it is JSON. */
export interface InstanceReport {
  /** Which instance: the option `instanceName`, by default its host and process, `web-1:4711`. */
  readonly instance: string;
  /** The pids of its lock connections' backends. */
  readonly backends: readonly number[];
  /** For how long it has been up, in milliseconds. */
  readonly upMs: number;
  readonly locks: readonly ReportedLock[];
  readonly jobs: readonly ReportedJob[];
}

/** A lock that an instance holds or waits for. */
export interface ReportedLock {
  /** The key in Postgres, as text. */
  readonly key: string;
  readonly name: string;
  /** For how long it has been held, in milliseconds; missing when it is only waited for. */
  readonly heldMs?: number;
  /** Tells this hold from the instance's earlier and later ones of the same lock. */
  readonly holdId?: number;
  /** Whether it is a claim, such as the one on a job's tick, which stays for a while after the run. */
  readonly isClaim?: boolean;
  /** How many calls in the instance wait for it, and for how long the first has, in milliseconds. */
  readonly waiters?: number;
  readonly waitedMs?: number;
}

/** An exclusive job of an instance. */
export interface ReportedJob {
  /** The name of its lock. */
  readonly name: string;
  /** Such as `Reports.nightly`. */
  readonly method: string;
  /** What it fires by, as it is written: a cron expression, or `every 5000 ms`. */
  readonly schedule?: string;
  /** The latest of its ticks that the instance has had anything to do with, the oldest first. */
  readonly ticks: readonly ReportedTick[];
}

/** What came of a tick in one instance. */
export interface ReportedTick {
  /** When it was due, in milliseconds since 1970. */
  readonly atMs: number;
  readonly outcome: 'running' | 'ran' | 'failed' | 'skipped';
  /** Of one that was skipped. */
  readonly reason?: SkipReason;
  readonly lateMs?: number;
  /** For how long it ran, in milliseconds, or has been running. */
  readonly durationMs?: number;
  /** The message of what it threw. */
  readonly error?: string;
}
