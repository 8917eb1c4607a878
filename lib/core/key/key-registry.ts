import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import type { KeyFunction } from './key-function.js';
import {
  formulaOf,
  isServerKeyScheme,
  isShortScheme,
  type KeyScheme,
  keySchemes,
  type ServerKeyScheme,
} from './key-schemes.js';
import { describe, describeNames, LockKey, type LockName } from './lock-key.js';
import type { PermitKeys } from './permit-keys.js';
import { copyOf, isRememberedWhole, remembered } from './copied-text.js';
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

/**
 * How many keys are kept whole, so that a hot name is not hashed each time, which is a fifth of what a
 * hand-over costs. To look through so few takes a hundredth of a lock.
 */
const LATEST_KEYS = 8;

/** How many names are remembered that other instances report. They are only for display. */
const MAX_REPORTED_NAMES = 10_000;

/** How many keys are remembered that the server has computed. */
const MAX_SERVER_KEYS = 10_000;

/** What the server must compute before `keyOf()` can be called: the names, with their namespace. */
export interface UnknownKeys {
  readonly scheme: ServerKeyScheme;
  readonly names: readonly string[];
}

/**
 * Turns names into keys, and notices two names that have one key, even when they are never used at the same
 * time.
 */
export class KeyRegistry {
  private readonly names = new RecentMap<string, string>(MAX_REMEMBERED_NAMES);
  private readonly reportedNames = new RecentMap<string, string>(MAX_REPORTED_NAMES);
  private readonly pinnedNames = new Map<string, string>();
  private readonly serverKeys = new RecentMap<string, bigint>(MAX_SERVER_KEYS);
  /** What the namespace puts in front of names. */
  readonly prefix: string;
  private readonly scheme: KeyScheme;
  private readonly keyFunction: KeyFunction;
  private shortKey: LockKey | undefined;
  /**
   * Of names that are copied whole, by the own scheme. A `RecentMap` of so few would make a `Map` for every
   * eighth new name.
   */
  private readonly latestKeys: LockKey[] = [];
  private nextLatest = 0;

  constructor({ namespace, keyScheme = 'sha256' }: KeyRegistryOptions = {}) {
    this.prefix = namespace === undefined ? '' : `${checkedName(namespace, 'namespace')}:`;
    this.scheme = keyScheme;
    this.keyFunction = this.functionOf(keyScheme);
  }

  /**
   * The keys of a semaphore. The first permit has the key of the name itself, so that one permit is the plain
   * lock. The others have the keys of `name#1`, `name#2`, …, and the turn has the key of `name#turn`.
   */
  permitKeysOf(name: LockName, count: number, scheme?: KeyScheme): PermitKeys {
    if (typeof name !== 'string') {
      throw new LockConfigurationError(
        `A lock with \`permits\` must have a string as its name, received ${describe(name)}. A key cannot ` +
          `be turned into the keys of more permits.${hintForPromise(name)}`,
      );
    }
    const first = this.keyOf(name, scheme);
    const others = Array.from({ length: count - 1 }, (_, n) => this.partOf(first, String(n + 1), scheme));
    return { permits: [first, ...others], turn: this.partOf(first, 'turn', scheme) };
  }

  /**
   * The key of a name, by the own scheme or the given one. Throws `LOCK_CONFIGURATION` for what is no name,
   * and for a name whose key another name has. Where the server computes the keys, it must have done so
   * before: see {@link KeyRegistry.unknownKeys}.
   */
  keyOf(name: LockName, scheme?: KeyScheme): LockKey {
    if (scheme !== undefined || typeof name !== 'string') return this.noted(this.madeOf(name, scheme));
    for (const key of this.latestKeys) if (key.name === name) return this.noted(key);
    if (!isRememberedWhole(name)) return this.noted(this.madeOf(name));
    const key = this.noted(this.madeOf(copyOf(name)), true);
    this.latestKeys[this.nextLatest] = key;
    this.nextLatest = (this.nextLatest + 1) % LATEST_KEYS;
    return key;
  }

  /** The same, or `undefined` while the server has not computed the key: no lock here has it then. */
  knownKeyOf(name: LockName, scheme: KeyScheme = this.scheme): LockKey | undefined {
    return this.unknownKeys([name], 1, scheme) === undefined ? this.keyOf(name, scheme) : undefined;
  }

  /** Whether the server computes the keys of this scheme, or of the own one. */
  isOfServer(scheme: KeyScheme = this.scheme): boolean {
    return isServerKeyScheme(scheme);
  }

  /** What the server must compute before the keys of these names, and of their permits, are known. */
  unknownKeys(
    names: readonly LockName[],
    permits = 1,
    scheme: KeyScheme = this.scheme,
  ): UnknownKeys | undefined {
    if (!isServerKeyScheme(scheme)) return undefined;
    const strings = names.filter((name) => typeof name === 'string').map((name) => this.fullName(name));
    const parts = permits > 1 ? [...Array(permits - 1).keys()].map((n) => String(n + 1)).concat('turn') : [];
    const all = strings.flatMap((name) => [name, ...parts.map((part) => `${name}#${part}`)]);
    const unknown = all.filter((name) => this.serverKeys.get(identity(scheme, name)) === undefined);
    return unknown.length === 0 ? undefined : { scheme, names: unknown };
  }

  /** Remembers what the server has computed. */
  learnComputed(scheme: ServerKeyScheme, fullName: string, key: bigint): void {
    const id = identity(scheme, fullName);
    this.serverKeys.set(id, key);
    const pinned = this.pinnedNames.get(id);
    if (pinned !== undefined) this.pinnedNames.set(String(key), pinned);
  }

  /**
   * A text that is the same for equal names: the key, or what only the server can make a key of. It is no
   * substitute for the key where two names may have one.
   */
  identityOf(name: LockName): string {
    const { scheme } = this;
    if (typeof name !== 'string' || !isServerKeyScheme(scheme)) return this.keyOf(name).id;
    return identity(scheme, this.fullName(name));
  }

  /** Throws `LOCK_CONFIGURATION` for what is no name, and as `keyOf` where the key is computed here. */
  check(name: LockName): void {
    this.identityOf(name);
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
    this.check(name);
    // The lock with the key 42 is not the lock with the name "42".
    const named = typeof name === 'string' ? name : `\0${LockKey.of(name).id}`;
    return LockKey.of(keySchemes.sha256(`${this.prefix}${named}@${what}`), `${describeNames(name)}@${what}`);
  }

  /** The name of a lock with its namespace, which is how all applications on the database know it. */
  fullNameOf(name: LockName): string {
    this.check(name);
    return this.prefix + describeNames(name);
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
    if (!isRememberedWhole(origin)) return undefined;
    if (this.reportedNames.get(keyId) === name) return name;
    const isSure = [this.keyFunction, ...Object.values(keySchemes)].some((formula) =>
      isMadeOf(keyId, origin, formula),
    );
    if (!isSure) return undefined;
    this.reportedNames.set(keyId, copyOf(name));
    return name;
  }

  private madeOf(name: LockName, scheme?: KeyScheme): LockKey {
    if (typeof name !== 'string') return LockKey.of(name);
    return LockKey.of(this.functionOf(scheme)(this.fullName(name)), name);
  }

  private partOf({ name, id }: LockKey, part: string, scheme?: KeyScheme): LockKey {
    const value = this.functionOf(scheme)(`${this.prefix}${name}#${part}`);
    return this.noted(LockKey.of(value, name, id, part));
  }

  private fullName(name: string): string {
    return this.prefix + checkedName(name, 'lock name');
  }

  private functionOf(scheme: KeyScheme | undefined): KeyFunction {
    if (scheme === undefined) return this.keyFunction;
    if (!isServerKeyScheme(scheme)) return formulaOf(scheme);
    return (fullName) => {
      const key = this.serverKeys.get(identity(scheme, fullName));
      if (key !== undefined) return key;
      throw new LockConfigurationError(
        `The key of "${fullName}" must be computed by the server before it is used, as its key scheme is ` +
          `\`${scheme}\`. Take the lock with withLock() or acquire(), which see to that.`,
      );
    };
  }

  /** @param isCopied - whether its name keeps no other text alive. */
  private noted(key: LockKey, isCopied = false): LockKey {
    const known = this.names.get(key.id);
    if (known === undefined) {
      this.names.set(key.id, isCopied ? key.name : remembered(key.name));
      if (key.isShort) this.shortKey = key;
    } else if (known !== key.name && known !== remembered(key.name)) throw collision(known, key);
    return key;
  }

  /** The name that a key was made from, or the key itself when its name is not known. */
  nameOf(keyId: string): string {
    return this.knownNameOf(keyId) ?? keyId;
  }

  /**
   * The name that a key was made from, when it is pinned, remembered or reported; of a very long one the
   * beginning and a digest.
   */
  knownNameOf(keyId: string): string | undefined {
    return this.pinnedNames.get(keyId) ?? this.names.get(keyId) ?? this.reportedNames.get(keyId);
  }

  /** Remembers a name permanently, such as that of a job. There must not be many of them. */
  pin(name: LockName, scheme: KeyScheme = this.scheme): void {
    if (typeof name === 'string' && isServerKeyScheme(scheme)) {
      this.pinnedNames.set(identity(scheme, this.fullName(name)), name);
      return;
    }
    const key = this.keyOf(name, scheme);
    this.pinnedNames.set(key.id, key.name);
  }

  /** The bigint keys of names that are remembered permanently, as far as they are known. */
  get pinnedKeys(): { readonly name: string; readonly id: string }[] {
    return [...this.pinnedNames].flatMap(([id, name]) => (/^-?\d+$/.test(id) ? { id, name } : []));
  }

  /** What has keys of 32 bits here, as messages say it; `undefined` when nothing is known to have. */
  get shortKeys(): string | undefined {
    const { scheme, shortKey } = this;
    if (typeof scheme === 'string' && isShortScheme(scheme)) return `the key scheme \`${scheme}\``;
    return shortKey && `the lock "${shortKey.name}" with the key ${shortKey.id}`;
  }

  /** Whether a name is remembered permanently. */
  isPinned(name: string): boolean {
    return [...this.pinnedNames.values()].includes(name);
  }
}

/** Identifies a name whose key the server computes. No key looks like it. */
function identity(scheme: ServerKeyScheme, fullName: string): string {
  return `${scheme} of ${remembered(fullName)}`;
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
