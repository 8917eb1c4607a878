import type { LockUnavailableError, OptionRule } from '../core/index.js';

/** What an `onBusy` function is told. */
export interface BusyContext<Args extends readonly unknown[] = readonly unknown[]> {
  /** The lock that somebody else holds. */
  readonly lockName: string;
  /** The arguments that the method was called with. */
  readonly args: Args;
  /** The object whose method was called. */
  readonly instance: object;
  readonly methodName: string;
  /** What `onBusy: 'throw'` would throw. */
  readonly error: LockUnavailableError;
}

/** What happens when the lock is busy. */
export type OnBusy<Args extends readonly unknown[] = readonly unknown[]> =
  'throw' | 'skip' | ((context: BusyContext<Args>) => unknown);

export const onBusyRule: OptionRule = [
  (value) => value === 'throw' || value === 'skip' || typeof value === 'function',
  "'throw', 'skip' or a function",
];

/** What a call returns, or throws, that goes on without the lock. */
export function settleBusy(onBusy: OnBusy, context: BusyContext): unknown {
  if (onBusy === 'skip') return undefined;
  if (onBusy === 'throw') throw context.error;
  return onBusy(context);
}
