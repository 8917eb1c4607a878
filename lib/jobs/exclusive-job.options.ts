import type { LockName, ReentryOptions } from '../core/index.js';
import type { OnBusy } from '../locking/on-busy.js';

/**
 * The options of every exclusive job.
 *
 * @example
 * ```ts
 * @ExclusiveInterval(30_000, { lock: 'poll', connection: 'archive' })
 * async poll(): Promise<void> {}
 * ```
 */
export interface ExclusiveJobOptions extends ReentryOptions {
  /**
   * The name of the lock. Set it where class names are minified or made at run time (`mixin()`), and where
   * the job may move to another class: instances with different names do not exclude each other.
   * @default 'Class.method', of the class of the object
   */
  readonly lock?: LockName;
  /**
   * What happens when another holder has the lock, or another instance has the tick.
   * @default 'skip'
   */
  readonly onBusy?: OnBusy;
  /**
   * The run begins at a moment within so many milliseconds of its tick, from 0 to 86_400_000 (a day), so that
   * the jobs of an hour do not all begin at once. The moment looks random and is the same in every instance
   * for the same tick. The tick is claimed before, and the lock is taken after. A shutdown ends the wait, and
   * the tick is left out. Not for calls by hand.
   * @default 0
   */
  readonly jitterMs?: number;
  /**
   * Runs the method again when it fails, under the same lock: one tick, several attempts. A lock that is lost
   * and a shutdown end it. Not for calls by hand.
   * @default none: a run has one attempt
   */
  readonly retry?: RetryOptions;
  /**
   * For how long runs are kept in the history, in milliseconds: at least 3_600_000 (an hour). Each attempt,
   * of ticks and of `runNow()`, leaves a row in a table of its own, and each run deletes older rows of its
   * job. It does not decide what runs: that is `tick: 'record'`.
   * @default none: runs leave no row
   */
  readonly historyMs?: number;
  /**
   * Which configured module takes the lock, by its `name`.
   * @default the default module
   */
  readonly connection?: string;
}

/**
 * How often a failed run is tried.
 *
 * @example
 * ```ts
 * @ExclusiveCron('0 3 * * *', { retry: { attempts: 3, delayMs: 60_000 } })
 * async daily(): Promise<void> {}
 * ```
 */
export interface RetryOptions {
  /** How many attempts a run has, the first included: 1 to 100. */
  readonly attempts: number;
  /**
   * The pause between two of them, in milliseconds: 0 to 3_600_000 (an hour). The lock is held meanwhile.
   * @default 0
   */
  readonly delayMs?: number;
}

/**
 * Which instance runs a job: an option of `@ExclusiveCron`.
 *
 * @example
 * ```ts
 * @ExclusiveCron('* * * * *', { leader: 'reports' })
 * async minutely(): Promise<void> {}
 * ```
 */
export interface LeaderOptions {
  /**
   * The job runs in the instance that has this leadership, and is skipped in all others: for jobs that share
   * what one instance has in memory. The library campaigns for the leadership, once for all jobs and
   * `@OnLeadership` methods of that name. A job that runs when the leadership is lost continues to its end,
   * under its own lock.
   * @default none: the instance that gets the lock runs the job
   */
  readonly leader?: LockName;
}
