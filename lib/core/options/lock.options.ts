import type { BusyHttpOptions } from '../errors/lock-unavailable.error.js';
import type { LockMode } from './lock-mode.js';
import { aBoolean, MAX_TIMER_MS, oneOf, type OptionRules, wholeNumber } from './option-rules.js';

/** How long a busy lock is waited for. */
export interface WaitOptions {
  /**
   * How long to wait for a busy lock, in milliseconds: `0` tries once, `Infinity` waits for ever. Inside a process who comes
   * first is served first; between processes Postgres' own queue decides, which is as fair.
   * @default 0
   */
  readonly waitMs?: number;
}

/** How a lock is taken. */
export interface ModeOptions {
  /**
   * `'exclusive'`: nobody else has it. `'shared'`: others may have it shared at the same time, and nobody exclusively; the readers
   * of a process share one lock of Postgres.
   * @default 'exclusive'
   */
  readonly mode?: LockMode;
}

/** How many may hold a lock at once. */
export interface PermitOptions {
  /**
   * How many may hold it at once in the whole fleet: a semaphore. All have to say the same number. Where they do not, there are
   * never more holders than the largest number, and who says n takes one of the first n permits: he may find those taken by
   * others who say more.
   * @default 1
   */
  readonly permits?: number;
}

/** The options of a lock that is taken by hand. */
export interface LockOptions extends WaitOptions, ModeOptions, PermitOptions, BusyHttpOptions {
  /**
   * Ends the wait; its reason is what is thrown. It has no part in the lock once that is held.
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

export const lockRules: OptionRules = {
  ...modeRules,
  ...permitRules,
  ...waitRules,
  ...signalRules,
  ...busyHttpRules,
};
