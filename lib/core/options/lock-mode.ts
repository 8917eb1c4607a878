/** How a lock is held: by one alone, or by many readers at once, of whom none is there while somebody holds it alone. */
export type LockMode = 'exclusive' | 'shared';
