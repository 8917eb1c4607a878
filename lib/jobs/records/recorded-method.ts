import type { AdvisoryLockService } from '../../nest/advisory-lock.service.js';
import { busy, type LockedMethod } from '../../locking/run-locked.js';
import type { LockName } from '../../core/index.js';

/** The method, which runs for a tick that nobody else has recorded, and is busy else. To be run under the job's lock. */
export function recordedMethod(
  job: LockedMethod,
  service: AdvisoryLockService,
  name: LockName,
  atMs: number,
  retainMs: number,
): LockedMethod['method'] {
  return async function (this: object, ...args) {
    const body = async (): Promise<unknown> => await job.method.apply(this, args);
    const outcome = await service.records.run(name, atMs, retainMs, body);
    return outcome.acquired ? outcome.value : busy(service, job, this, args, name, 'claimed');
  };
}
