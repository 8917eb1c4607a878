import type { LockConnectionError, LockLog } from '../../core/index.js';
import { formatDuration } from '../../inspection/format-duration.js';
import { listNames } from './list-names.js';

/**
 * Logs once that the jobs of this instance do not run, as no lock can be taken, and once that they run again.
 * Each tick of each job would otherwise be an error with a stack, in every instance.
 */
export class JobOutage {
  private since: number | undefined;
  private leftOut = 0;

  constructor(
    private readonly log: LockLog,
    /** All jobs of this instance, such as `Reports.nightly`. */
    private readonly jobsOf: () => readonly string[],
  ) {}

  /** A tick is left out, as its lock, or its claim, could not be requested. */
  leaveOut(method: string, { message }: LockConnectionError): void {
    this.leftOut += 1;
    if (this.since !== undefined) return;
    this.since = performance.now();
    const methods = listNames([...new Set([method, ...this.jobsOf()])]);
    this.log.warn(`Ticks are left out while no lock can be taken, of ${methods}. ${message}`);
  }

  /** The database has responded to a job that was called at that time, by `performance.now()`. */
  end(calledAt: number): void {
    // One that was called before may be late: what it was sent is older than the outage.
    if (this.since === undefined || calledAt < this.since) return;
    const duration = formatDuration(performance.now() - this.since);
    const ticks = this.leftOut === 1 ? '1 tick was' : `${this.leftOut} ticks were`;
    this.log.log(`Jobs run again: ${ticks} left out here in ${duration}`);
    this.since = undefined;
    this.leftOut = 0;
  }
}
