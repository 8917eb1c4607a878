import {
  checkOptions,
  isWholeNumber,
  MAX_TIMER_MS,
  type OptionRule,
  type OptionRules,
  wholeMs,
} from '../options/option-rules.js';
import type { LockConnectionOptions } from './connection-config.js';

/** A rule for the option `connectionOptions`. An address in its place is not shown. */
export const aConnection: OptionRule = [isObject, 'an object, such as { url }', 'secret'];

/** Each part of an address may be, or contain, a password that was put in the wrong place. */
const aText: OptionRule = [(value) => typeof value === 'string', 'a string', 'secret'];

const rules: OptionRules = {
  url: aText,
  host: aText,
  // Many read it from the environment, which has strings.
  port: [
    (value) => ['number', 'string'].includes(typeof value) && isWholeNumber(Number(value), 0, 65_535),
    'a whole number from 0 to 65535',
    'secret',
  ],
  username: aText,
  password: [(value) => ['string', 'function'].includes(typeof value), 'a string or a function', 'secret'],
  database: aText,
  ssl: [(value) => typeof value === 'boolean' || isObject(value), 'a boolean or an object', 'secret'],
  connectTimeoutMS: wholeMs(0, MAX_TIMER_MS),
  applicationName: aText,
  extra: [isObject, 'an object', 'secret'],
} satisfies Record<keyof LockConnectionOptions, OptionRule>;

/** Refuses what is unknown or invalid in `connectionOptions`, without its value. Returns what was checked. */
export function checkConnectionOptions(
  { connectionOptions }: { readonly connectionOptions?: LockConnectionOptions },
  where: string,
): { readonly connectionOptions?: LockConnectionOptions } {
  if (connectionOptions === undefined) return {};
  return { connectionOptions: checkOptions(connectionOptions, rules, `\`connectionOptions\` of ${where}`) };
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
