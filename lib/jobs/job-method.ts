import type { LockName } from '../core/index.js';
import type { OnBusy } from '../locking/on-busy.js';
import type { RecordOptions } from './records/record.options.js';
import type { FindFiring } from './schedule/find-firing.js';
import type { TickOptions } from './tick.options.js';

/** A method that a timer calls, and how it is kept to one run per tick. */
export interface JobMethod {
  readonly nameOf: (instance: object) => LockName;
  /** The leadership under which it runs. */
  readonly leader: LockName | undefined;
  readonly onBusy: OnBusy;
  readonly findFiring: FindFiring;
  readonly tick: TickOptions | RecordOptions;
}
