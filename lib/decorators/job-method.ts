import type { FindFiring } from '../cron/firing.js';
import type { RecordOptions } from '../cron/record/record.options.js';
import type { TickOptions } from '../cron/tick.options.js';
import type { LockName } from '../engine/lock-key.js';
import type { LockedMethod } from './run-locked.js';

/** A method that a timer calls, and how it is kept to one run a tick. */
export interface JobMethod extends LockedMethod {
  readonly nameOf: (instance: object) => LockName;
  readonly findFiring: FindFiring;
  readonly tick: TickOptions | RecordOptions;
}
