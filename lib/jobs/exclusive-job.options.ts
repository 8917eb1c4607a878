import type { LockName } from '../core/index.js';
import type { OnBusy } from '../locking/on-busy.js';

/** What every exclusive job has. */
export interface ExclusiveJobOptions {
  /**
   * The lock's name. Name it where class names are minified or made at run time (`mixin()`), and where the job may move to
   * another class: instances with different names do not exclude each other.
   * @default 'Class.method', of the class of the object
   */
  readonly lock?: LockName;
  /**
   * What happens when the lock is held, or another instance has the tick.
   * @default 'skip'
   */
  readonly onBusy?: OnBusy;
  /**
   * Which configured module, by its `name`.
   * @default the default module
   */
  readonly connection?: string;
}

/** Which instance runs a job: an option of `@ExclusiveCron`. */
export interface LeaderOptions {
  /**
   * The job runs where this leadership is, and is skipped everywhere else: for jobs that belong together, as they share what one
   * instance has in memory. The library campaigns for it by itself, once for all jobs and `@OnLeadership` methods of that name. A job
   * that runs when the leadership is lost goes on to its end, under its own lock.
   * @default whichever instance gets the lock
   */
  readonly leader?: LockName;
}
