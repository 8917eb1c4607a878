import { oneOf, type OptionRules } from './option-rules.js';

/**
 * What happens when code inside a lock requests the same lock again.
 *
 * @example
 * ```ts
 * await locks.withLock('import', async () => {
 *   await locks.withLock('import', part, { reentry: 'join' }); // a part of the outer work
 * });
 * ```
 */
export interface ReentryOptions {
  /**
   * `'refuse'`: the call rejects at once with a `LockReentryError`, whatever `waitMs` says. `'join'`: it runs
   * inside the outer hold, beside whatever else runs there.
   *
   * What is inside a lock is decided by the asynchronous context, and work that a shared queue or batcher
   * runs has the context of the call that woke it. With `'join'` such work enters a lock of another call.
   * @default 'refuse'
   */
  readonly reentry?: 'refuse' | 'join';
}

export type Reentry = NonNullable<ReentryOptions['reentry']>;

export const reentryRules: OptionRules = { reentry: oneOf('refuse', 'join') };
