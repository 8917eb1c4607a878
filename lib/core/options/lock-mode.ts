/**
 * How a lock is held: `'exclusive'` by one holder alone, or `'shared'` by any number of readers at once.
 * Readers and an exclusive holder exclude each other.
 */
export type LockMode = 'exclusive' | 'shared';
