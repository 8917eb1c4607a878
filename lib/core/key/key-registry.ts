import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { type KeyFunction, type KeyScheme, keySchemes } from './key-schemes.js';
import { describe, LockKey, type LockName } from './lock-key.js';
import type { PermitKeys } from './permit-keys.js';
import { RecentMap } from './recent-map.js';
import { hintForPromise } from './refused-promise.js';

export interface KeyRegistryOptions {
  readonly namespace?: string | undefined;
  readonly keyScheme?: KeyScheme | undefined;
}

/**
 * How many names are remembered. There is no end of names such as `order:42`, so the oldest are forgotten. To
 * remember ten times as many costs a third of the locks per second, all of it in the garbage collector.
 */
const MAX_REMEMBERED_NAMES = 1_000;

/** How many names are remembered that other instances report. They are only for display. */
const MAX_REPORTED_NAMES = 10_000;

/**
 * Turns names into keys, and notices two names that have one key, even when they are never used at the same
 * time.
 */
export class KeyRegistry {
  private readonly names = new RecentMap<string, string>(MAX_REMEMBERED_NAMES);
  private readonly reportedNames = new RecentMap<string, string>(MAX_REPORTED_NAMES);
  private readonly pinnedNames = new Map<string, string>();
  private readonly prefix: string;
  private readonly keyFunction: KeyFunction;

  constructor({ namespace, keyScheme = 'sha256' }: KeyRegistryOptions = {}) {
    this.prefix = namespace === undefined ? '' : `${checkedName(namespace, 'namespace')}:`;
    this.keyFunction = typeof keyScheme === 'function' ? keyScheme : keySchemes[keyScheme];
  }

  /**
   * The keys of a semaphore. The first permit has the key of the name itself, so that one permit is the plain
   * lock. The others have the keys of `name#1`, `name#2`, …, and the turn has the key of `name#turn`.
   */
  permitKeysOf(name: LockName, count: number): PermitKeys {
    if (typeof name !== 'string') {
      throw new LockConfigurationError(
        `A lock with \`permits\` must have a string as its name, received ${describe(name)}. A key cannot ` +
          `be turned into the keys of more permits.${hintForPromise(name)}`,
      );
    }
    const first = this.keyOf(name);
    const others = Array.from({ length: count - 1 }, (_, n) => this.partOf(first, String(n + 1)));
    return { permits: [first, ...others], turn: this.partOf(first, 'turn') };
  }

  /**
   * The key of a name. Throws `LOCK_CONFIGURATION` for what is no name, and for a name whose key another name
   * has.
   */
  keyOf(name: LockName): LockKey {
    return this.remembered(this.madeOf(name));
  }

  /**
   * The key of a name that perhaps no lock has, such as the text of a search. It is not remembered, so that
   * it cannot collide with a name that is used.
   */
  guessedKeyOf(name: string): LockKey {
    return this.madeOf(name);
  }

  /**
   * The key of what is claimed once for a lock, such as a tick. There are as many claims as ticks, so they
   * are not remembered, and their keys always have 64 bits: of two ticks with one key, only one would run.
   */
  claimKeyOf(name: LockName, what: string): LockKey {
    const lock = this.keyOf(name);
    // The lock with the key 42 is not the lock with the name "42".
    const named = typeof name === 'string' ? lock.name : `\0${lock.id}`;
    return LockKey.of(keySchemes.sha256(`${this.prefix}${named}@${what}`), `${lock.name}@${what}`);
  }

  /** The name of a lock with its namespace, which is how all applications on the database know it. */
  fullNameOf(name: LockName): string {
    return this.prefix + this.keyOf(name).name;
  }

  /**
   * What the key was made from, as {@link KeyRegistry.learnReported} expects it: a name with its namespace,
   * or the key itself.
   */
  originOf({ name, id, part }: LockKey): string {
    if (name === id) return id;
    return `${this.prefix}${name}${part === undefined ? '' : `#${part}`}`;
  }

  /**
   * Remembers for display what another instance reports that a key was made from, if the own formula or a
   * well-known one confirms it. Returns the name as it is shown, without the own namespace.
   */
  learnReported(keyId: string, origin: string): string | undefined {
    const name = origin.startsWith(this.prefix) ? origin.slice(this.prefix.length) : origin;
    if (this.reportedNames.get(keyId) === name) return name;
    const isSure = [this.keyFunction, ...Object.values(keySchemes)].some((formula) =>
      isMadeOf(keyId, origin, formula),
    );
    if (!isSure) return undefined;
    this.reportedNames.set(keyId, name);
    return name;
  }

  private madeOf(name: LockName): LockKey {
    if (typeof name !== 'string') return LockKey.of(name);
    return LockKey.of(this.keyFunction(this.prefix + checkedName(name, 'lock name')), name);
  }

  private partOf({ name, id }: LockKey, part: string): LockKey {
    return this.remembered(LockKey.of(this.keyFunction(`${this.prefix}${name}#${part}`), name, id, part));
  }

  private remembered(key: LockKey): LockKey {
    const known = this.names.get(key.id);
    if (known === undefined) this.names.set(key.id, key.name);
    else if (known !== key.name) throw collision(known, key);
    return key;
  }

  /** The name that a key was made from, or the key itself when its name is not known. */
  nameOf(keyId: string): string {
    return this.knownNameOf(keyId) ?? keyId;
  }

  /** The name that a key was made from, when it is pinned, remembered or reported. */
  knownNameOf(keyId: string): string | undefined {
    return this.pinnedNames.get(keyId) ?? this.names.get(keyId) ?? this.reportedNames.get(keyId);
  }

  /** Remembers a name permanently, such as that of a job. There must not be many of them. */
  pin(name: LockName): void {
    const key = this.keyOf(name);
    this.pinnedNames.set(key.id, key.name);
  }

  /** Whether a name is remembered permanently. */
  isPinned(name: string): boolean {
    return [...this.pinnedNames.values()].includes(name);
  }
}

function isMadeOf(keyId: string, origin: string, formula: KeyFunction): boolean {
  try {
    return LockKey.of(formula(origin)).id === keyId;
  } catch {
    return false;
  }
}

function collision(known: string, key: LockKey): LockConfigurationError {
  return new LockConfigurationError(
    `The names "${known}" and "${key.name}" both become the key ${key.id}, so their locks would exclude ` +
      'each other. Rename one of them, or use the key scheme `sha256`, whose 64 bits do not collide in ' +
      'practice.',
    { lockName: key.name },
  );
}

function checkedName(name: unknown, what: string): string {
  if (typeof name !== 'string' || name === '') {
    throw new LockConfigurationError(
      `A ${what} must be a string of at least one character, received ${describe(name)}.` +
        (what === 'lock name'
          ? ' The key of a lock may also be given, as a number, a bigint or a pair of 32-bit integers.'
          : ''),
    );
  }
  // A lone surrogate has no UTF-8 form: it would be hashed as U+FFFD, the same for every one of them.
  if (/\p{Surrogate}/u.test(name)) {
    throw new LockConfigurationError(
      `The ${what} ${JSON.stringify(name)} contains half of a surrogate pair, which is no Unicode ` +
        'character. It was probably cut in the middle of an emoji: cut it by code points instead.',
    );
  }
  return name;
}
