import {
  describe,
  KeyRegistry,
  LockConfigurationError,
  type OptionRule,
  type OptionRules,
  signalRules,
  wholeNumber,
} from '../core/index.js';

/** Each shard is a lock of the server while it is owned. */
const MAX_SHARDS = 1_024;

/**
 * What an instance does while it owns a shard. The signal aborts when it must stop.
 *
 * @example
 * ```ts
 * const work: ShareBody = async (shard, signal) => {
 *   for await (const order of feed.ordersOf(shard, { signal })) await store(order);
 * };
 * ```
 */
export type ShareBody = (shard: number, signal: AbortSignal) => void | PromiseLike<void>;

/**
 * The options of `AdvisoryLockService.shares`.
 *
 * @example
 * ```ts
 * locks.shares('tenants', { of: 64, onGain: (shard, signal) => this.work(shard, signal) });
 * ```
 */
export interface SharesOptions {
  /**
   * How many shards there are: a whole number from 1 to 1_024. They have the numbers from 0. All instances
   * must give the same number: one with another number waits until the last of the others has left.
   */
  readonly of: number;
  /**
   * Called when this instance owns the shard, inside its lock. It may return at once, or go on until the
   * signal aborts. The next owner starts when it has settled.
   */
  readonly onGain: ShareBody;
  /**
   * Called when the shard is to be given back or was lost, once `onGain` has settled. The next owner of a
   * shard that was not lost starts when it has settled.
   * @default none
   */
  readonly onLose?: (shard: number) => void | PromiseLike<void>;
  /**
   * Leaves the fleet when it aborts, as {@link Shares.stop} does. Its reason becomes the reason of the
   * signals of the bodies.
   * @default none
   */
  readonly signal?: AbortSignal;
}

const aFunction: OptionRule = [(value) => typeof value === 'function', 'a function'];

/** An `of` that is undefined is checked where it is required. */
export const countRules: OptionRules = { of: wholeNumber(1, MAX_SHARDS) };

export const sharesRules: OptionRules = {
  ...countRules,
  onGain: aFunction,
  onLose: aFunction,
  ...signalRules,
};

/** Throws `LOCK_CONFIGURATION` for what is no name of shares. */
export function checkShareName(name: unknown): void {
  if (typeof name !== 'string') {
    throw new LockConfigurationError(`The name of shares must be a string, received ${describe(name)}.`);
  }
  new KeyRegistry().check(name);
}
