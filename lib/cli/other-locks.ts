import { printable } from '../core/index.js';
import type { LockStory } from './lock-story.js';
import type { InspectedLock } from '../inspection/inspected-lock.js';

/** How many locks are named in one sentence. */
const NAMED = 5;

/** The other locks that the connection of a holder has. */
export function otherLocksOf({ otherLocks }: LockStory, { backend }: InspectedLock): InspectedLock[] {
  return backend === undefined
    ? []
    : otherLocks.filter((lock) => lock.isGranted && lock.backend?.pid === backend.pid);
}

/** `import, mail and 3 more`. */
export function namesOf(locks: readonly InspectedLock[]): string {
  const names = locks.slice(0, NAMED).map(({ name, key }) => printable(name ?? key.id));
  const more = locks.length - names.length;
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** Names that are the name of this lock with a namespace before it, which makes another key. */
export function namesakesOf({ name, otherLocks }: LockStory): string[] {
  if (name === undefined) return [];
  const names = otherLocks.flatMap((lock) => (lock.name?.endsWith(`:${name}`) === true ? lock.name : []));
  return [...new Set(names)];
}
