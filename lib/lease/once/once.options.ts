import { type OptionRules, waitRules } from '../../core/index.js';
import { isText } from '../lease.options.js';

const MAX_VERSION_LENGTH = 200;

/**
 * The options of `once`.
 *
 * @example
 * ```ts
 * await locks.once('seed-plans', seed, { version: '2026-11' });
 * ```
 */
export interface OnceOptions {
  /**
   * Each version of a name runs once: at most 200 characters.
   * @default ''
   */
  readonly version?: string;
  /**
   * How long to wait for another instance that runs it, in milliseconds: from 0 to 2147483647, or `Infinity`.
   * @default Infinity
   */
  readonly waitMs?: number;
}

export const onceRules: OptionRules = {
  version: [
    (value) =>
      typeof value === 'string' && (value === '' || isText(value)) && value.length <= MAX_VERSION_LENGTH,
    `a string of at most ${MAX_VERSION_LENGTH} characters, none of them NUL`,
  ],
  ...waitRules,
};
