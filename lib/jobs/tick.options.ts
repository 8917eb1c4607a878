/** How one run a tick is made sure of. */
export interface TickOptions {
  /**
   * `'claim'`: who fires first claims the tick, by a lock that stays after the run is over, until no sane clock can fire it any more.
   * `'none'`: the lock alone, which a job that is shorter than the clocks are apart gets in several instances, one after the other.
   * @default 'claim'
   */
  readonly tick?: 'claim' | 'none';
  /**
   * For how long a claim is kept, in milliseconds. Two instances may fire for a tick that much apart; one that fires later than half
   * of it, by its own clock, does not run.
   * @default the period of the schedule, from 15 seconds to 10 minutes, and at most 64 periods
   */
  readonly claimMs?: number;
  /**
   * What happens to a tick when the instance that has claimed it crashes or loses its connection before every instance has fired.
   * `'rerun'`: an instance that fires after that runs it again. `'skip'`: nobody does, as long as one that has fired for it before is
   * there; costs a lock more in each instance and tick.
   * @default 'rerun'
   */
  readonly onCrash?: 'rerun' | 'skip';
  /**
   * What happens to a tick while the run before still goes on. `'skip'`: it is left out in the whole fleet, when that run has not ended
   * half a period later, or 5 seconds. `'queue'`: it waits for the end of that run, one tick at a time, and the others are left out.
   * `'elsewhere'`: it is left out here, and runs in an instance that fires for it after that run is over.
   * @default 'skip'
   */
  readonly overlap?: 'skip' | 'queue' | 'elsewhere';
}
