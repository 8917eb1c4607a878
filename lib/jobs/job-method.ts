import type { LockName, Reentry } from '../core/index.js';
import type { OnBusy } from '../locking/on-busy.js';
import type { RetryOptions } from './exclusive-job.options.js';
import type { RecordOptions } from './records/record.options.js';
import type { FindFiring } from './schedule/find-firing.js';
import type { TickOptions } from './tick.options.js';

/** A method that a timer calls, and how it is kept to one run per tick. */
export interface JobMethod {
  readonly nameOf: (instance: object) => LockName;
  /** The leadership under which it runs. */
  readonly leader: LockName | undefined;
  readonly onBusy: OnBusy;
  /** The module's when it is missing. */
  readonly reentry: Reentry | undefined;
  /** Within how many milliseconds of its tick a run begins. */
  readonly jitterMs: number | undefined;
  readonly retry: RetryOptions | undefined;
  /** For how long its runs are kept in the history, in milliseconds. */
  readonly historyMs: number | undefined;
  /** Of an interval that counts from the end of a run: how long that is, in milliseconds. */
  readonly delayMs?: number | undefined;
  readonly findFiring: FindFiring;
  readonly tick: TickOptions | RecordOptions;
}
