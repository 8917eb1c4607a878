import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import type { KeyRegistry } from '../key/key-registry.js';
import type { KeyScheme } from '../key/key-schemes.js';
import type { LockKey, LockName } from '../key/lock-key.js';
import { hintForPromise } from '../key/refused-promise.js';

/** How many names a lock may have. */
const MAX_NAMES = 1_000;

/** The keys of a list of names, each once. Throws `LOCK_CONFIGURATION` for too many names, and for none. */
export function distinctKeys(
  registry: KeyRegistry,
  names: readonly Exclude<LockName, number>[],
  scheme?: KeyScheme,
): LockKey[] {
  if (names.length > MAX_NAMES) {
    throw new LockConfigurationError(
      `A list of lock names must have at most ${MAX_NAMES} names, received ${names.length}: each takes a ` +
        "place in the server's lock table, which all its clients share. Lock what they share.",
    );
  }
  const keys = new Map<string, LockKey>();
  try {
    for (const name of names) {
      const key = registry.keyOf(name, scheme);
      keys.set(key.id, key);
    }
  } catch (error) {
    for (const name of names) hintForPromise(name);
    throw error;
  }
  if (keys.size > 0) return [...keys.values()];
  throw new LockConfigurationError(
    'A list of lock names must have at least one name, received an empty list. Without a name there is ' +
      'nothing to lock.',
  );
}
