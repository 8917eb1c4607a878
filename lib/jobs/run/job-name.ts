/** A job, as it is reported. */
export interface JobName {
  /** The name of its lock. */
  readonly lockName: string;
  /** Such as `Reports.nightly`. */
  readonly method: string;
}

/** Identifies a job: two jobs may share a lock. */
export function jobIdOf({ lockName, method }: JobName): string {
  return `${method}\0${lockName}`;
}
