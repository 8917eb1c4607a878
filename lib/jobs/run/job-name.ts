/** Which job, as it is reported. */
export interface JobName {
  /** The name of its lock. */
  readonly lockName: string;
  /** Such as `Reports.nightly`. */
  readonly method: string;
}

/** Tells jobs apart: those that share a lock are two. */
export function jobIdOf({ lockName, method }: JobName): string {
  return `${method}\0${lockName}`;
}
