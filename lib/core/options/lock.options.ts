import { describe } from '../key/lock-key.js';
import type { LockMode } from './lock-mode.js';
import { type BusyHttpOptions } from '../errors/lock-unavailable.error.js';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';

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

/** What each option has to be, and how an error says so. */
export type OptionRules = Readonly<
  Record<string, readonly [isValid: (value: unknown) => boolean, expected: string]>
>;

export const busyHttpRules: OptionRules = {
  httpStatus: [(value) => HTTP_STATUSES.includes(value), '409, 423, 429 or 503'],
  exposeLockName: [(value) => typeof value === 'boolean', 'a boolean'],
};

/** `setTimeout` and Postgres' `lock_timeout` take no more. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

export const waitRules: OptionRules = {
  waitMs: [
    (value) => value === Infinity || (typeof value === 'number' && value >= 0 && value <= LONGEST_WAIT_MS),
    `a number of milliseconds from 0 to ${LONGEST_WAIT_MS}, or Infinity`,
  ],
};

export const modeRules: OptionRules = {
  mode: [(value) => value === 'exclusive' || value === 'shared', "'exclusive' or 'shared'"],
};

const MOST_PERMITS = 100;

export const permitRules: OptionRules = {
  permits: [
    (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MOST_PERMITS,
    `a whole number from 1 to ${MOST_PERMITS}`,
  ],
};

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

/**
 * Refuses options that are unknown or of the wrong kind: a `waitMs` that is misspelt, or that this version does not know,
 * must not be ignored in silence.
 */
export function checkOptions(options: object, rules: OptionRules, where: string): void {
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) {
      throw new LockConfigurationError(
        `${where} got the unknown option \`${name}\`. It knows: ${Object.keys(rules).join(', ')}.`,
      );
    }
    const [isValid, expected] = rule;
    if (value !== undefined && !isValid(value)) {
      throw new LockConfigurationError(
        `The option \`${name}\` of ${where} has to be ${expected}, but ${describe(value)} came.`,
      );
    }
  }
}
