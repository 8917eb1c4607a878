import type { LockUnavailableError, OptionRule } from '../core/index.js';

/**
 * What an `onBusy` function receives.
 *
 * @example
 * ```ts
 * @WithAdvisoryLock((id: string) => `order:${id}`, { onBusy: ({ args: [id] }) => `order ${id} is busy` })
 * async pay(id: string): Promise<string> {
 *   return this.payments.charge(id);
 * }
 * ```
 */
export interface BusyContext<Args extends readonly unknown[] = readonly unknown[]> {
  /** The name of the lock that another holder has; of several, with commas between them. */
  readonly lockName: string;
  /** The arguments of the call. */
  readonly args: Args;
  /** The object whose method was called. */
  readonly instance: object;
  /** The name of the method, without its class. */
  readonly methodName: string;
  /** The error that `onBusy: 'throw'` would reject with. */
  readonly error: LockUnavailableError;
}

/**
 * What happens when the lock is busy: `'throw'` rejects with a `LockUnavailableError`, `'skip'` resolves to
 * `undefined`, and a function supplies the result, or throws. The method does not run in any case.
 *
 * `Busy` is what a busy call may resolve to. `'skip'` needs one that admits `undefined`.
 *
 * @example
 * ```ts
 * const lastKnown: OnBusy<[id: string]> = ({ args: [id] }) => cache.get(id);
 * ```
 */
export type OnBusy<Args extends readonly unknown[] = readonly unknown[], Busy = unknown> =
  'throw' | (undefined extends Busy ? 'skip' : never) | ((context: BusyContext<Args>) => Busy);

/** What a busy call resolves to, by its `onBusy`. */
export type BusyResult<Chosen> = Chosen extends (...args: never[]) => infer Busy
  ? Busy
  : Chosen extends 'skip'
    ? undefined
    : never;

export const onBusyRule: OptionRule = [
  (value) => value === 'throw' || value === 'skip' || typeof value === 'function',
  "'throw', 'skip' or a function",
];

/** The result, or the error, of a call that does not get the lock. */
export function settleBusy(onBusy: OnBusy, context: BusyContext): unknown {
  if (onBusy === 'skip') return undefined;
  if (onBusy === 'throw') throw context.error;
  return onBusy(context);
}
