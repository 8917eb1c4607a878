import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { describe } from '../key/lock-key.js';

/**
 * Whether a value is valid, and what it must be: the end of "The option `x` of Y must be …". Messages do not
 * show a value that is secret.
 */
export type OptionRule = readonly [
  isValid: (value: unknown) => boolean,
  expected: string,
  secrecy?: 'secret',
];

/** The rules of a set of options, by the names of the options. */
export type OptionRules = Readonly<Record<string, OptionRule>>;

/** The longest time that `setTimeout` and Postgres' `lock_timeout` take, in milliseconds. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

export function isWholeNumber(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

/** A rule for a whole number between two limits, both included. */
export function wholeNumber(min: number, max: number): OptionRule {
  return [(value) => isWholeNumber(value, min, max), `a whole number from ${min} to ${max}`];
}

/** A rule for a duration in milliseconds between two limits, both included. */
export function wholeMs(min: number, max: number, hint = ''): OptionRule {
  return [
    (value) => isWholeNumber(value, min, max),
    `a whole number of milliseconds, from ${min} to ${max}${hint}`,
  ];
}

/** A rule for one of a few words. */
export function oneOf(...words: readonly [string, ...string[]]): OptionRule {
  const quoted = words.map((word) => `'${word}'`);
  const last = quoted.at(-1) ?? '';
  const expected = quoted.length === 1 ? last : `${quoted.slice(0, -1).join(', ')} or ${last}`;
  return [(value) => words.includes(value as string), expected];
}

export const aBoolean: OptionRule = [(value) => typeof value === 'boolean', 'a boolean'];

/** A rule for the option `connection`. */
export const aModuleName: OptionRule = [
  (value) => typeof value === 'string' && value !== '',
  'the `name` of an AdvisoryLockModule',
];

/**
 * The options as properties of one plain object, symbols included. What an object inherits is an option as
 * its own properties are, such as the getters of its class; the methods of its class are none.
 */
export function ownOptions<T extends object>(options: T): T {
  const prototype: unknown = Object.getPrototypeOf(options);
  if (prototype === Object.prototype || prototype === null) return options;
  const own = { ...options } as Record<string, unknown>;
  let from: object | null = options;
  while (from !== null) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(from))) {
      const isOption = (property.enumerable === true || 'get' in property) && name !== '__proto__';
      if (isOption && !Object.hasOwn(own, name)) own[name] = options[name as keyof T];
    }
    from = Object.getPrototypeOf(from) as object | null;
  }
  return own as T;
}

/**
 * Throws `LOCK_CONFIGURATION` for an option that is unknown or not valid. An option that is misspelled, or
 * that this version does not know, must not be ignored in silence. Returns {@link ownOptions}, which are what
 * was checked.
 *
 * @param where - whose options they are, as messages say it: `AdvisoryLockModule`.
 */
export function checkOptions<T extends object>(options: T, rules: OptionRules, where: string): T {
  if (typeof options !== 'object' || (options as object | null) === null) {
    throw new LockConfigurationError(
      `The options of ${where} must be an object, received ${describe(options)}.`,
    );
  }
  const own = ownOptions(options);
  // Not by their entries, which are arrays that each lock would leave to the garbage collector.
  for (const name of Object.keys(own)) {
    const value = own[name as keyof T];
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) {
      throw new LockConfigurationError(
        `${where} received the unknown option \`${name}\`. Known options: ${Object.keys(rules).join(', ')}.`,
      );
    }
    const [isValid, expected, secrecy] = rule;
    if (value !== undefined && !isValid(value)) {
      const received = secrecy === 'secret' ? withoutValue(value) : describe(value);
      throw new LockConfigurationError(
        `The option \`${name}\` of ${where} must be ${expected}, received ${received}.`,
      );
    }
  }
  return own;
}

function withoutValue(value: unknown): string {
  const what =
    value === null ? 'null' : Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
  return `${what}, which is not shown as it may contain a password`;
}
