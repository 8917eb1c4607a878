import type { SessionLocks } from '../core/index.js';
import type { LockHost } from '../locking/lock-host.js';
import type { JobRuntime } from './job-runtime.js';

/** Where a service keeps what its jobs work with. The same for both halves of the package. */
export const JOB_RUNTIME: unique symbol = Symbol.for('nestjs-advisory-lock:job-runtime');

/** The service of a job's object. */
export interface JobService extends LockHost {
  /** Missing in a fake. */
  readonly [JOB_RUNTIME]?: JobRuntime;
}

/** What a job runs with. */
export interface JobHost {
  /** Missing where a test has put a fake in the place of the service: every call counts as one by hand then. */
  readonly runtime: JobRuntime | undefined;
  readonly locks: Pick<SessionLocks, 'tryWithLock' | 'acquire'>;
}

export function jobHostOf(service: JobService): JobHost {
  const runtime = service[JOB_RUNTIME];
  return { runtime, locks: runtime?.engine.locks ?? service };
}
