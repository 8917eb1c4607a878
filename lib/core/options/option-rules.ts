import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { describe } from '../key/lock-key.js';

/** What an option must be, and how an error says so. */
export type OptionRule = readonly [isValid: (value: unknown) => boolean, expected: string];

/** A rule for each option by its name. */
export type OptionRules = Readonly<Record<string, OptionRule>>;

/** `setTimeout` and Postgres' `lock_timeout` take no more milliseconds. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

export function isWholeNumber(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

/** A whole number within limits, both included. */
export function wholeNumber(min: number, max: number): OptionRule {
  return [(value) => isWholeNumber(value, min, max), `a whole number from ${min} to ${max}`];
}

/** The same for a duration. */
export function wholeMs(min: number, max: number, hint = ''): OptionRule {
  return [
    (value) => isWholeNumber(value, min, max),
    `a whole number of milliseconds, from ${min} to ${max}${hint}`,
  ];
}

/** One of a few words. */
export function oneOf(...words: readonly [string, ...string[]]): OptionRule {
  const quoted = words.map((word) => `'${word}'`);
  const last = quoted.at(-1) ?? '';
  const expected = quoted.length === 1 ? last : `${quoted.slice(0, -1).join(', ')} or ${last}`;
  return [(value) => words.includes(value as string), expected];
}

export const aBoolean: OptionRule = [(value) => typeof value === 'boolean', 'a boolean'];

export const anObject: OptionRule = [(value) => typeof value === 'object' && value !== null, 'an object'];

/** The name of a configured module, for the option `connection`. */
export const aModuleName: OptionRule = [
  (value) => typeof value === 'string' && value !== '',
  'the `name` of an AdvisoryLockModule',
];

/**
 * Refuses options that are unknown or of the wrong kind: a `waitMs` that is misspelt, or that this version does not
 * know, must not be ignored in silence.
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
