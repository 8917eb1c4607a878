import { printable } from './printable.js';
import type { LockStory } from './lock-story.js';
import type { SeenLock } from './seen-lock.js';

/** How many locks are named in one sentence. */
const NAMED = 5;

/** What else the connection of a holder has. */
export function otherLocksOf({ otherLocks }: LockStory, { backend }: SeenLock): SeenLock[] {
  return backend === undefined ? [] : otherLocks.filter((lock) => lock.backend?.pid === backend.pid);
}

/** `import, mail and 3 more`. */
export function namesOf(locks: readonly SeenLock[]): string {
  const names = locks.slice(0, NAMED).map(({ name, key }) => printable(name ?? key.id));
  const more = locks.length - names.length;
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
