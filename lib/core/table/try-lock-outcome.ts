/** What became of `tryWithLock`: whether the body ran, and what it returned. */
export type TryLockOutcome<T> =
  { readonly acquired: true; readonly value: T } | { readonly acquired: false; readonly value?: undefined };
