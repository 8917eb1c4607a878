import type { SessionLocks } from '../core/index.js';
import type { LockHost } from '../locking/lock-host.js';
import type { JobRuntime } from './job-runtime.js';

/** The property of a service with what its jobs use. The same for both halves of the package. */
export const JOB_RUNTIME: unique symbol = Symbol.for('nestjs-advisory-lock:job-runtime');

/** The service of a job's object. */
export interface JobService extends LockHost {
  /** Missing in a fake. */
  readonly [JOB_RUNTIME]?: JobRuntime;
}

/** What a run of a job uses. */
export interface JobHost {
  /** Missing where a test has replaced the service by a fake: then every call counts as one by hand. */
  readonly runtime: JobRuntime | undefined;
  readonly locks: Pick<SessionLocks, 'tryWithLock' | 'acquire'>;
}

export function jobHostOf(service: JobService): JobHost {
  const runtime = service[JOB_RUNTIME];
  return { runtime, locks: runtime?.engine.locks ?? service };
}
