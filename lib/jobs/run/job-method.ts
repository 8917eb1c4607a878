import type { FindFiring } from '../schedule/firing.js';
import type { RecordOptions } from '../records/record.options.js';
import type { TickOptions } from '../tick.options.js';
import type { LockName } from '../../core/index.js';
import type { LockedMethod } from '../../locking/run-locked.js';

/** A method that a timer calls, and how it is kept to one run a tick. */
export interface JobMethod extends LockedMethod {
  readonly nameOf: (instance: object) => LockName;
  readonly findFiring: FindFiring;
  readonly tick: TickOptions | RecordOptions;
}
