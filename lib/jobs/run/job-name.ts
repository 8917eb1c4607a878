import { describeNames, type LockName } from '../../core/index.js';

/** A job, as it is reported. */
export interface JobName {
  /** The name of its lock. */
  readonly lockName: string;
  /** Such as `Reports.nightly`. */
  readonly method: string;
}

/** How a job is reported. */
export function nameOf({ lock, method }: { readonly lock: LockName; readonly method: string }): JobName {
  return { lockName: describeNames(lock), method };
}

/** Identifies a job: two jobs may share a lock. */
export function jobIdOf({ lockName, method }: JobName): string {
  return `${method}\0${lockName}`;
}
