import { printable } from '../core/index.js';
import { sinceWhenHeld, whereFrom } from './describe-holder.js';
import { listed } from './describe-waiter.js';
import type { LockStory } from './lock-story.js';
import { namesOf, otherLocksOf } from './other-locks.js';
import { capitalize } from './words.js';
import { rollbackOf } from './prepared-holders.js';
import type { InspectedLock } from '../inspection/inspected-lock.js';
import { shownHolderWithPid } from './shown-holder.js';

/** What is ended when a holder is: its connection, and the other locks of that. */
export function describeEnding(lock: InspectedLock, story: LockStory): string {
  const others = otherLocksOf(story, lock);
  return [
    `This ends the connection of ${[shownHolderWithPid(lock), ...whereFrom(lock)].join(', ')}, ` +
      `which holds ${story.label}.`,
    sinceWhenHeld(lock, story.now),
    others.length === 0
      ? 'It has no other advisory lock.'
      : `It frees ${others.length === 1 ? 'another lock' : `${others.length} other locks`} ` +
        `of that connection too: ${namesOf(others)}.`,
  ].join('\n');
}

/** What has happened to a holder. */
export type Fate = 'ended' | 'stays' | 'changed' | 'retaken' | 'forbidden';

export function describeFate(lock: InspectedLock, fate: Fate, { label }: LockStory, reason?: string): string {
  const holder = shownHolderWithPid(lock);
  switch (fate) {
    case 'ended':
      return `${holder} was ended${reason === undefined ? '' : `: ${printable(reason)}`}.`;
    case 'stays':
      return (
        `${holder} was asked to end, but still holds ${label}: ` + 'its process on the server may be stopped.'
      );
    case 'changed':
      return `${holder} was not ended: it does not hold ${label} any more.`;
    case 'retaken':
      return (
        `${holder} was not ended: its instance reports that it has released ${label} and taken it again ` +
        'since it was shown. --force ends it all the same.'
      );
    case 'forbidden':
      return (
        `${holder} was not ended: the role may not do that. It may end connections of its own role, and ` +
        'those of other roles after `GRANT pg_signal_backend TO …`. Only a superuser may end connections ' +
        'of a superuser.'
      );
  }
}

/** The holders of the lock now, in one sentence, and how to end prepared transactions among them. */
export function describeNow({ label, holders, prepared }: LockStory): string {
  const cure = prepared.map((transaction) => ` End it with ${rollbackOf(transaction)}, in this database.`);
  if (holders.length === 0) return capitalize(`${label} is free: no one holds it.`);
  return capitalize(`${label} is held by ${listed(holders.map(shownHolderWithPid))}.${cure.join('')}`);
}
