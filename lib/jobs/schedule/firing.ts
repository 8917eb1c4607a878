/** A timer of a job that is calling its method now. */
export interface Firing {
  /**
   * The instant that it is due for, in milliseconds since 1970. It identifies the tick in the whole fleet.
   */
  readonly atMs: number;
  /** Whether `atMs` is only the start of a period, anywhere in which the timer fires. */
  readonly isPeriod?: boolean;
  readonly lateMs: number;
  /**
   * For how long another instance may still fire for the same tick, in milliseconds, if its clock is correct.
   */
  readonly claimMs: number;
  /**
   * How long it waits for the run of another tick, in milliseconds, before that run counts as longer than the
   * period.
   */
  readonly graceMs: number;
  /** Whether it is now so late that a claim of its tick may have expired. */
  isTooLate(): boolean;
  /** Whether it is called long after its timer would have fired, as no instance was running. */
  readonly isMissed?: boolean;
}
