import type { LockLog } from '../core/index.js';

/**
 * Counts what other backends sent to the fleet's channels and was not used: any client of the database may
 * write there. One line of the log says so, and no more, as a flood must not fill the log too.
 */
export class DroppedReports {
  private dropped = 0;

  constructor(private readonly log: Pick<LockLog, 'debug'>) {}

  get count(): number {
    return this.dropped;
  }

  note(senderPid: number, what: string, count = 1): void {
    if (count === 0) return;
    if (this.dropped === 0) {
      this.log.debug(
        `Dropped ${what} from the backend ${senderPid}. Any client of the database may write to the ` +
          'channels of the fleet; further ones are counted in `advisory_lock.fleet.dropped` alone.',
      );
    }
    this.dropped += count;
  }
}
