import type { BusyHttpOptions } from '../errors/lock-unavailable.error.js';
import { type KeySchemeOptions, keySchemeRules } from './key-scheme.options.js';
import type { LockMode } from './lock-mode.js';
import { type ReentryOptions, reentryRules } from './reentry.options.js';
import { aBoolean, MAX_TIMER_MS, oneOf, type OptionRules, wholeNumber } from './option-rules.js';

/**
 * How long a call waits for a busy lock.
 *
 * @example
 * ```ts
 * await locks.withLock('import', body, { waitMs: 5_000 });
 * ```
 */
export interface WaitOptions {
  /**
   * How long to wait for a busy lock, in milliseconds: from 0 to 2147483647, or `Infinity`. `0` tries once;
   * `Infinity` waits without end. Inside a process, waiters are served first come, first served. Between
   * processes the queue of Postgres decides, which is just as fair.
   * @default 0
   */
  readonly waitMs?: number;
}

/**
 * How a lock is held.
 *
 * @example
 * ```ts
 * await locks.withLock('prices', read, { mode: 'shared' }); // many readers at once
 * await locks.withLock('prices', write); // alone
 * ```
 */
export interface ModeOptions {
  /**
   * `'exclusive'`: there is no other holder. `'shared'`: there may be other shared holders at the same time,
   * and no exclusive one. The readers of a process share one lock of Postgres.
   * @default 'exclusive'
   */
  readonly mode?: LockMode;
}

/**
 * How many holders a lock may have at once.
 *
 * @example
 * ```ts
 * await locks.withLock('mail-server', send, { permits: 3, waitMs: 60_000 }); // 3 at a time in the fleet
 * ```
 */
export interface PermitOptions {
  /**
   * How many holders the lock may have at once in the whole fleet, from 1 to 100: a semaphore. All callers
   * must give the same number. Where they do not, there are never more holders than the largest number. A
   * caller that gives n takes one of the first n permits, and finds it busy where callers that give more have
   * taken those.
   * @default 1
   */
  readonly permits?: number;
}

/**
 * Whether a lock and the leases of its name exclude each other.
 *
 * @example
 * ```ts
 * const lease = await locks.lease('doc:42', { ttlMs: 600_000, respectLeases: true });
 * await locks.withLock('doc:42', publish, { respectLeases: true }); // LOCK_UNAVAILABLE while the lease lasts
 * ```
 */
export interface RespectLeasesOptions {
  /**
   * Of a lock: it is not granted while a lease of its name lasts. Of a lease: it is not granted while a lock
   * of its name is held. A lock and a lease exclude each other when both have the option: a call without it
   * takes no notice of the other kind. A lock with it has one name, which is a string, and neither `permits`
   * nor a `keyScheme` of its own. It costs one more statement, on a connection of the application's pool.
   * @default false
   */
  readonly respectLeases?: boolean;
}

/**
 * The options of a lock that is taken by hand.
 *
 * @example
 * ```ts
 * await locks.withLock('import', body, { waitMs: Infinity, signal: AbortSignal.timeout(60_000) });
 * ```
 */
export interface LockOptions
  extends
    WaitOptions,
    ModeOptions,
    PermitOptions,
    ReentryOptions,
    RespectLeasesOptions,
    KeySchemeOptions,
    BusyHttpOptions {
  /**
   * Ends the wait when it aborts: the call rejects with its reason. Once the lock is held, it has no effect.
   * @default none
   */
  readonly signal?: AbortSignal;
}

const HTTP_STATUSES: readonly unknown[] = [409, 423, 429, 503];

export const busyHttpRules: OptionRules = {
  httpStatus: [(value) => HTTP_STATUSES.includes(value), '409, 423, 429 or 503'],
  exposeLockName: aBoolean,
};

export const waitRules: OptionRules = {
  waitMs: [
    (value) => value === Infinity || (typeof value === 'number' && value >= 0 && value <= MAX_TIMER_MS),
    `a number of milliseconds from 0 to ${MAX_TIMER_MS}, or Infinity`,
  ],
};

export const modeRules: OptionRules = { mode: oneOf('exclusive', 'shared') };

const MAX_PERMITS = 100;

export const permitRules: OptionRules = { permits: wholeNumber(1, MAX_PERMITS) };

export const signalRules: OptionRules = {
  signal: [(value) => value instanceof AbortSignal, 'an AbortSignal'],
};

export const respectLeasesRules: OptionRules = { respectLeases: aBoolean };

export const lockRules: OptionRules = {
  ...modeRules,
  ...permitRules,
  ...reentryRules,
  ...respectLeasesRules,
  ...waitRules,
  ...signalRules,
  ...keySchemeRules,
  ...busyHttpRules,
};
