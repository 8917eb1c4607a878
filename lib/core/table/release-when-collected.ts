import type { AdvisoryLock } from './advisory-lock.js';

/** What no code can read any more, because it is garbage, gives its lock back. */
const registry = new FinalizationRegistry<AdvisoryLock>((lock) => void lock.release());

/**
 * Releases the handle when the value that it is kept for is garbage-collected. The handle must not refer to
 * the value.
 */
export function releaseWhenCollected(value: object, lock: AdvisoryLock): void {
  registry.register(value, lock);
}
