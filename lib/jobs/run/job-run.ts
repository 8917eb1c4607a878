import type { AdvisoryLock, LockName, SkipReason } from '../../core/index.js';
import type { MethodCall } from '../../locking/locked-method.js';
import type { JobHost } from '../job-host.js';
import type { JobMethod } from '../job-method.js';
import type { JobRuntime } from '../job-runtime.js';
import type { Firing } from '../schedule/firing.js';
import type { JobObserver } from './job-observer.js';

/**
 * One call of a job's method on its way through the steps. Steps pass on a changed copy and never change the
 * original.
 */
export interface JobRun {
  readonly job: JobMethod;
  readonly call: MethodCall;
  /** Of the job's lock. */
  readonly name: LockName;
  /** Where the lock is taken. */
  readonly locks: JobHost['locks'];
  /** Missing where a test has replaced the service by a fake. */
  readonly runtime: JobRuntime | undefined;
  /** The firing of the timer; missing for a call by hand. */
  readonly firing: Firing | undefined;
  /** Records its outcome. */
  readonly observer: JobObserver;
  /** Whether `runNow()` has called. */
  readonly isManual: boolean;
  /** How long to wait for the lock, in milliseconds. */
  readonly waitMs: number;
  /** Once it is held; missing where a test has replaced the service by a fake. */
  readonly lock?: AdvisoryLock | undefined;
  /** Which attempt of a run that is retried, from 1. */
  readonly attempt?: number;
  /** Called inside the lock, before the method. */
  readonly onLocked?: () => Promise<void>;
}

/** A call by the timer. */
export interface TimedRun extends JobRun {
  readonly runtime: JobRuntime;
  readonly firing: Firing;
}

/** The outcome of a call: the one type of "busy" from the lock to the caller. */
export type JobOutcome =
  | { readonly ran: true; readonly value: unknown }
  | {
      readonly ran: false;
      /** `'outage'`: the database is away. */
      readonly reason: SkipReason | 'outage';
      /** How long the lock was waited for, in milliseconds. */
      readonly waitMs?: number;
    };

/** One step: it continues with `next`, or decides that the job does not run. */
export type JobStep<Run extends JobRun> = (
  run: Run,
  next: (run: Run) => Promise<JobOutcome>,
) => Promise<JobOutcome>;

/** The steps, one inside the other. The last one calls the method and has no next. */
export function pipeline<Run extends JobRun>(
  steps: readonly JobStep<Run>[],
): (run: Run) => Promise<JobOutcome> {
  const end = (): Promise<JobOutcome> => Promise.reject(new Error('The last step of a job calls its method'));
  return steps.reduceRight<(run: Run) => Promise<JobOutcome>>((next, step) => (run) => step(run, next), end);
}
