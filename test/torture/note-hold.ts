import type { AdvisoryLock } from '../../lib/index.js';
import type { HoldStart, Journal } from './journal.js';

/**
 * Notes that the lock is held from now on. What it returns notes the end, and returns whether the lock was
 * lost before that; a loss that is noticed only as the lock is given back is noted then.
 */
export function noteHold(
  journal: Journal,
  lock: AdvisoryLock,
  hold: HoldStart,
): (token: string | undefined) => boolean {
  const pids = lock.allHolds.map(({ session }) => session.backendPid ?? 0);
  const id = journal.start({ ...hold, pids });
  const { signal } = lock;
  const reason = (): string => (signal.reason as Error).message;
  return (token) => {
    const withToken = token === undefined ? {} : { token };
    if (signal.aborted) {
      journal.end(id, { ...withToken, ending: 'lost', reason: reason() });
      return true;
    }
    journal.end(id, { ...withToken, ending: 'released' });
    const lostAfterEnd = (): void => {
      journal.lostAfterEnd(id, reason());
    };
    signal.addEventListener('abort', lostAfterEnd, { once: true });
    return false;
  };
}
