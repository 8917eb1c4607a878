import { sharedStorage } from '../../core/index.js';

/** The tick that a job runs for: what {@link currentTick} returns. */
export interface Tick {
  /** The name of the job's lock. */
  readonly name: string;
  /** The instant at which it was due: the same in every instance of the fleet, whatever its clock says. */
  readonly at: Date;
  /** How much later the timer of this instance fired, by its own clock, in milliseconds. */
  readonly lateMs: number;
}

const storage = sharedStorage<Tick>('tick');

/**
 * The tick that the calling code runs for: inside a method with `@ExclusiveCron` or `@ExclusiveInterval` that
 * its timer has called, a job of `exclusiveJob()`, and everything they call. `undefined` outside, and when
 * the method was called by hand. Never throws.
 *
 * @example
 * ```ts
 * @ExclusiveCron('0 3 * * *')
 * async daily() {
 *   await this.report.write({ day: currentTick()?.at ?? new Date() });
 * }
 * ```
 */
export function currentTick(): Tick | undefined {
  return storage.getStore();
}

/** Runs the body, and all that it starts, for the tick. */
export function runForTick<T>(tick: Tick, body: () => T): T {
  return storage.run(tick, body);
}
