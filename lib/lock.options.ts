import { describe } from './engine/lock-key.js';
import { type BusyHttpOptions } from './errors/lock-unavailable.error.js';
import { LockConfigurationError } from './errors/lock-configuration.error.js';

/** The options of a lock that is taken by hand. */
export type LockOptions = BusyHttpOptions;

const HTTP_STATUSES: readonly unknown[] = [409, 423, 429, 503];

/** What each option has to be, and how an error says so. */
export type OptionRules = Readonly<
  Record<string, readonly [isValid: (value: unknown) => boolean, expected: string]>
>;

export const busyHttpRules: OptionRules = {
  httpStatus: [(value) => HTTP_STATUSES.includes(value), '409, 423, 429 or 503'],
  exposeLockName: [(value) => typeof value === 'boolean', 'a boolean'],
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
