import { Logger } from '@nestjs/common';
import type { LockHold } from '../table/lock-hold.js';
import type { SessionObserver } from '../table/session-observer.js';
import { LockConnectionError } from '../errors/lock-connection.error.js';
import type { AdvisoryLockEvents } from './advisory-lock-events.js';

/** So many names make a line long enough. */
const MOST_NAMES = 10;

/** Says when the lock connection ends, and with it which locks, and when there is one again. */
export class ConnectionLog implements SessionObserver {
  private readonly logger = new Logger('AdvisoryLock');
  private isAway = false;

  constructor(private readonly events: AdvisoryLockEvents) {}

  opened(): void {
    if (this.isAway) this.logger.log('The lock connection is there again');
    this.isAway = false;
  }

  lost(cause: Error, holds: readonly LockHold[]): void {
    this.isAway = true;
    this.logger.warn(`The lock connection ended (${cause.message}): ${lostLocks(holds)}`);
    if (this.events.isHeard)
      this.events.emit({ type: 'error', at: new Date(), error: new LockConnectionError(cause) });
  }
}

function lostLocks(holds: readonly LockHold[]): string {
  if (holds.length === 0) return 'no lock was held on it';
  const names = holds.slice(0, MOST_NAMES).map(({ key }) => `"${key.name}"`);
  const more = holds.length - names.length;
  return `lost ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
