/**
 * How a job is kept to one run per tick: by a claim, or by its lock alone.
 *
 * @example
 * ```ts
 * @ExclusiveCron('0 * * * *', { claimMs: 60_000, onCrash: 'skip', overlap: 'queue' })
 * async hourly(): Promise<void> {}
 * ```
 */
export interface TickOptions {
  /**
   * `'claim'`: the instance that fires first claims the tick, by a lock that it keeps after the run, until no
   * correct clock can fire the tick any more. `'none'`: the lock of the job alone. A job that is shorter than
   * the clocks are apart then runs in several instances, one after the other.
   * @default 'claim'
   */
  readonly tick?: 'claim' | 'none';
  /**
   * For how long a claim is kept, in milliseconds: 1_000 to 86_400_000 (a day). Two instances may fire for a
   * tick that far apart. An instance that fires later than half of it, by its own clock, does not run.
   * @default the period of the schedule, from 15 seconds to 10 minutes, and at most 64 periods
   */
  readonly claimMs?: number;
  /**
   * What happens to a tick when the instance that has claimed it crashes or loses its connection before every
   * instance has fired. `'rerun'`: an instance that fires after that runs it again. `'skip'`: no instance
   * does, while one that was refused the tick before is alive; that costs one more lock per instance and
   * tick.
   * @default 'rerun'
   */
  readonly onCrash?: 'rerun' | 'skip';
  /**
   * What happens to a tick while the previous run is not over. `'skip'`: the tick is left out in the whole
   * fleet when that run has not ended half a period later, at most 5 seconds. `'queue'`: one tick waits for
   * the end of that run, and the others are left out. `'elsewhere'`: the tick is left out in this instance,
   * and runs in an instance that fires for it after that run is over. `'cancel'`: the lock of that run is
   * lost, and its signal aborts; the tick runs once that run has settled, or after half a period, at most 5
   * seconds. Not with `tick: 'none'`.
   * @default 'skip'
   */
  readonly overlap?: 'skip' | 'queue' | 'elsewhere' | 'cancel';
}
