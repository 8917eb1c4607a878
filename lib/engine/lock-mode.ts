/** How a lock is held: by one alone, or by any number of those that share it. */
export type LockMode = 'exclusive' | 'shared';
