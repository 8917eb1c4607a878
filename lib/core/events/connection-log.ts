import { LockConnectionError } from '../errors/lock-connection.error.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockLog } from '../options/lock-log.js';
import type { AdvisoryLockEvents } from './advisory-lock-events.js';

/** How many names a line has, at most. */
const MAX_NAMES = 10;

/** Logs the end of the lock connection, the locks that are lost with it, and the next connection. */
export class ConnectionLog {
  private isAway = false;

  constructor(
    private readonly log: LockLog,
    private readonly events: AdvisoryLockEvents,
  ) {}

  /** There is a connection for new locks. */
  opened(): void {
    if (this.isAway) this.log.log('The lock connection is open again');
    this.isAway = false;
  }

  /** A connection has ended by itself, and with it the locks on these keys. Their holders are notified. */
  lost(cause: Error, keys: readonly LockKey[]): void {
    this.isAway = true;
    this.log.warn(`The lock connection ended (${cause.message}): ${lostLocks(keys)}`);
    if (this.events.hasListeners)
      this.events.emit({ type: 'error', at: new Date(), error: new LockConnectionError(cause) });
  }
}

function lostLocks(keys: readonly LockKey[]): string {
  if (keys.length === 0) return 'no lock was held on it';
  const names = keys.slice(0, MAX_NAMES).map(({ name }) => `"${name}"`);
  const more = keys.length - names.length;
  return `lost ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
