import { isKeySchemeName, KEY_SCHEME_NAMES, type KeyScheme } from '../key/key-schemes.js';
import type { OptionRules } from './option-rules.js';

/**
 * How the names of this call become keys.
 *
 * @example
 * ```ts
 * await locks.withLock('nightly-report', body, { keyScheme: 'advisory-lock' }); // excludes npm advisory-lock
 * ```
 */
export interface KeySchemeOptions {
  /**
   * How the name becomes a key, where another program has the formula of another library. One name is a
   * different lock under each scheme. See {@link KeyScheme}.
   * @default the `keyScheme` of the module
   */
  readonly keyScheme?: KeyScheme;
}

export const keySchemeRules: OptionRules = {
  keyScheme: [
    (value) => typeof value === 'function' || isKeySchemeName(value),
    `one of ${KEY_SCHEME_NAMES}, or a function from a name to a key`,
  ],
};
