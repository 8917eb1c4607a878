import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { type KeyFunction, type KeyScheme, keySchemes } from './key-schemes.js';
import { describe, LockKey, type LockName } from './lock-key.js';
import type { PermitKeys } from './permit-keys.js';
import { RecentMap } from './recent-map.js';

export interface KeyRegistryOptions {
  readonly namespace?: string | undefined;
  readonly keyScheme?: KeyScheme | undefined;
}

/**
 * How many names are remembered. Names such as `order:42` come without end, so the oldest have to be forgotten; remembering
 * ten times as many costs a third of the locks per second, all of it in the garbage collector.
 */
const MAX_REMEMBERED_NAMES = 1_000;

/** How many names are remembered that others have told, for display alone. */
const MAX_REPORTED_NAMES = 10_000;

/** Turns names into keys, and notices two names that meet on one key, also when they are never used at the same moment. */
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
   * The keys of a semaphore. The first permit has the key of the name itself, so that one permit is the plain lock; the others
   * have those of `name#1`, `name#2`, …, and the turn has that of `name#turn`.
   */
  permitKeysOf(name: LockName, count: number): PermitKeys {
    if (typeof name !== 'string') {
      throw new LockConfigurationError(
        `\`permits\` need a lock with a string for a name, but ${describe(name)} came: from a key that is given as such no ` +
          'keys for more permits can be made.',
      );
    }
    const first = this.keyOf(name);
    const others = Array.from({ length: count - 1 }, (_, n) => this.partOf(first, String(n + 1)));
    return { permits: [first, ...others], turn: this.partOf(first, 'turn') };
  }

  /** The key of a name; throws `LOCK_CONFIGURATION` for what cannot be one, and for a name whose key another name has. */
  keyOf(name: LockName): LockKey {
    return this.remembered(this.madeOf(name));
  }

  /** The key of a name that nobody may ever use, such as what somebody searches for: it is not remembered, and in nobody's way. */
  guessedKeyOf(name: string): LockKey {
    return this.madeOf(name);
  }

  /**
   * The key of what is claimed once for a lock, such as a tick. There are as many as there are ticks, so they are not remembered, and
   * always have 64 bits: two ticks on one key would be one too few.
   */
  claimKeyOf(name: LockName, what: string): LockKey {
    const lock = this.keyOf(name);
    // A lock that is named by the key 42 is not the lock "42".
    const named = typeof name === 'string' ? lock.name : `\0${lock.id}`;
    return LockKey.of(keySchemes.sha256(`${this.prefix}${named}@${what}`), `${lock.name}@${what}`);
  }

  /** The name of a lock with its namespace, as all who share the database know it. */
  fullNameOf(name: LockName): string {
    return this.prefix + this.keyOf(name).name;
  }

  /** What the key was made of, as {@link KeyRegistry.learnReported} wants to be told: of a name, with its namespace; else the key itself. */
  originOf({ name, id, part }: LockKey): string {
    if (name === id) return id;
    return `${this.prefix}${name}${part === undefined ? '' : `#${part}`}`;
  }

  /**
   * Remembers for display what somebody says a key was made of, if it is sure to be: by the own formula, or one that is well known.
   * Answers the name as it is shown, without the own namespace.
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

  /** The name that a key was made of lately; the key itself when it is not known. */
  nameOf(keyId: string): string {
    return this.knownNameOf(keyId) ?? keyId;
  }

  /** The name that a key was made of lately, is kept, or was told, when it is known. */
  knownNameOf(keyId: string): string | undefined {
    return this.pinnedNames.get(keyId) ?? this.names.get(keyId) ?? this.reportedNames.get(keyId);
  }

  /** Remembers a name for good, such as that of a job. There must not be many. */
  pin(name: LockName): void {
    const key = this.keyOf(name);
    this.pinnedNames.set(key.id, key.name);
  }

  /** Whether a name is remembered for good. */
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
    `The names "${known}" and "${key.name}" both become the key ${key.id}, so their locks would exclude each other. ` +
      'Rename one of them, or use the key scheme `sha256`, whose 64 bits do not collide in practice.',
    { lockName: key.name },
  );
}

function checkedName(name: unknown, what: string): string {
  if (typeof name !== 'string' || name === '') {
    throw new LockConfigurationError(
      `A ${what} has to be a string of at least one character, but ${describe(name)} came.` +
        (what === 'lock name'
          ? ' A lock may also be named by a number, a bigint or a pair of 32-bit integers.'
          : ''),
    );
  }
  // A lone surrogate has no UTF-8 form: it would be hashed as U+FFFD, the same for every one of them.
  if (/\p{Surrogate}/u.test(name)) {
    throw new LockConfigurationError(
      `The ${what} ${JSON.stringify(name)} contains half of a surrogate pair, which is no Unicode character. ` +
        'It was probably cut in the middle of an emoji: cut by code points instead.',
    );
  }
  return name;
}
