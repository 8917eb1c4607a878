import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { describe, type LockNames } from '../key/lock-key.js';
import { type LockOptions, lockRules } from '../options/lock.options.js';
import { checkOptions } from '../options/option-rules.js';
import { CALLER, type CallerOptions } from './call-place.js';

/**
 * Throws `LOCK_CONFIGURATION` for options that are unknown, invalid, or do not go together with the name.
 * Those of a decorated method were checked when it was decorated, and only have to go together with the name.
 */
export function checkedLockOptions<T extends LockOptions & CallerOptions>(
  name: LockNames,
  given: T | undefined,
): T | undefined {
  const isChecked = given === undefined || given[CALLER] !== undefined;
  const options = isChecked ? given : checkOptions(given, lockRules, 'acquire() and withLock()');
  if (options?.respectLeases !== true) return options;
  const { permits = 1, keyScheme } = options;
  if (typeof name === 'string' && permits === 1 && keyScheme === undefined) return options;
  const received = [
    describe(name),
    ...(permits === 1 ? [] : [`${permits} permits`]),
    ...(keyScheme === undefined ? [] : ['a key scheme']),
  ].join(' with ');
  throw new LockConfigurationError(
    'A lock with `respectLeases` must have one name that is a string, without `permits` and without a ' +
      `\`keyScheme\` of its own, as leases have such names and no others, received ${received}.`,
  );
}
