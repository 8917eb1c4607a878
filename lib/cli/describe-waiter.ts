import { formatDuration } from '../inspection/format-duration.js';
import { sinceWhen } from './ago.js';
import { calls, whereFrom } from './describe-holder.js';
import type { InspectedLock } from '../inspection/inspected-lock.js';
import { shownHolderWithPid } from './shown-holder.js';

/**
 * A waiter, for how long it has waited, and behind which backends, in sentences. `nameOf` names the owner of
 * a pid.
 */
export function describeWaiter(lock: InspectedLock, nameOf: (pid: number) => string, now: Date): string[] {
  const { mode, isGranted, blockedBy, callsWaiting = 0 } = lock;
  const from = whereFrom(lock);
  const parts = [
    [shownHolderWithPid(lock), ...from].join(', '),
    from.length > 0 ? ', ' : ' ',
    // The first waiter for a permit holds the turn; since when it has waited is not known.
    isGranted
      ? 'has the turn to take a permit'
      : `has waited${waitedFor(lock, now)} to hold it ${mode === 'shared' ? 'shared' : 'exclusively'}`,
    blockedBy.length > 0 ? `, behind ${listed(blockedBy.map(nameOf))}` : '',
    '.',
  ];
  return [
    parts.join(''),
    ...(callsWaiting > 0 ? [`Inside that instance, ${calls(callsWaiting)} for it.`] : []),
  ];
}

function waitedFor({ waitingMs, waitingSince }: InspectedLock, now: Date): string {
  if (waitingSince !== undefined) return ` since ${sinceWhen(waitingSince, now)}`;
  return waitingMs === undefined ? ' for a moment' : ` for ${formatDuration(waitingMs)}`;
}

/** `one`, `one and two`, `one, two and three`. */
export function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}
