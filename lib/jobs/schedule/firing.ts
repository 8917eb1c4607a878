/** A timer of a job that is calling its method right now. */
export interface Firing {
  /** What it is due for, in milliseconds since 1970: what identifies the tick in the whole fleet. */
  readonly atMs: number;
  readonly lateMs: number;
  /** For how long after this moment another instance may fire for the same tick, as far as clocks are sane. */
  readonly claimMs: number;
  /** For how long it waits for the run of another tick to end before that counts as one that takes longer than the period. */
  readonly graceMs: number;
  /** Whether it is by now so late that a claim on its tick may have expired. */
  isTooLate(): boolean;
  /** Whether it is called long after its timer would have fired, as nobody was there. */
  readonly isMissed?: boolean;
}
