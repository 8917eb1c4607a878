/**
 * What `tryWithLock` resolves to: whether the lock was acquired, and what the body returned.
 *
 * @example
 * ```ts
 * const outcome = await locks.tryWithLock('import', () => importAll());
 * if (!outcome.acquired) return 'busy';
 * return outcome.value;
 * ```
 */
export type TryLockOutcome<T> =
  { readonly acquired: true; readonly value: T } | { readonly acquired: false; readonly value?: undefined };
