import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { printable } from '../errors/printable.js';
import type { KeyValue } from './key-function.js';
import { hintForPromise } from './refused-promise.js';

/**
 * The name of a lock: a string, which a key scheme turns into a key; or a key itself, as a number or bigint
 * of 64 bits, or as a pair of 32-bit integers. A key is used as it is, without a namespace, so that other
 * programs can use the same one.
 *
 * @example
 * ```ts
 * await locks.withLock('import', body);
 * await locks.withLock(7_440_995_589_958_059_143n, body);
 * await locks.withLock([42, orderId], body);
 * ```
 */
export type LockName = string | number | bigint | readonly [number, number];

/**
 * One name, or a list of names: the lock takes all of them or none. In a list, keys are bigints, because two
 * numbers are a pair.
 *
 * @example
 * ```ts
 * await locks.withLock(['account:1', 'account:2'], transfer);
 * ```
 */
export type LockNames = LockName | readonly Exclude<LockName, number>[];

/** Whether it is one name, rather than a list of names. */
export function isOneName(name: LockNames): name is LockName {
  return !Array.isArray(name) || (name.length > 0 && name.every((part) => typeof part === 'number'));
}

/** Names as messages show them. */
export function describeNames(name: LockNames): string {
  if (typeof name === 'string') return name;
  return isOneName(name) ? LockKey.of(name).name : name.map(describeNames).join(', ');
}

/** An advisory lock as `pg_locks` shows it. */
export interface PgLocksKey {
  readonly classid: number;
  readonly objid: number;
  readonly objsubid: number;
}

const INT8 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const INT4 = { min: -(2 ** 31), max: 2 ** 31 - 1 };

/**
 * A key of Postgres' advisory locks. Bigint keys and pairs of int4 are separate spaces: `pg_locks.objsubid`
 * is 1 for a bigint and 2 for a pair.
 *
 * @example
 * ```ts
 * await locks.withLock('import', ({ key }) => console.log(`${key}`, key.classid, key.objid, key.objsubid));
 * ```
 * @see https://www.postgresql.org/docs/current/view-pg-locks.html
 */
export class LockKey {
  /** The key as text, different for any two keys: `7440995589958059143`, or `(1, 2)`. */
  readonly id: string;
  /**
   * The `id` of the lock that the key belongs to: for a permit that of the first permit, otherwise its own.
   */
  readonly lockId: string;

  private constructor(
    /** The name that the key was made from, as the application wrote it. */
    readonly name: string,
    /** The key: one signed 64-bit integer, or a pair of signed 32-bit integers. */
    readonly value: bigint | readonly [number, number],
    lockId: string | undefined,
    /** Which key of a lock with permits it is; `undefined` for the first one, and for all other locks. */
    readonly part: string | undefined,
  ) {
    this.id = typeof value === 'bigint' ? value.toString() : `(${value[0]}, ${value[1]})`;
    this.lockId = lockId ?? this.id;
  }

  /**
   * Makes a key.
   *
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) when the value is outside the range of its
   * type.
   */
  static of(value: KeyValue, name?: string, lockId?: string, part?: string): LockKey {
    const key = typeof value === 'object' ? int4Pair(value, name) : int8(value, name);
    return new LockKey(
      name ?? (typeof key === 'bigint' ? key.toString() : `(${key[0]}, ${key[1]})`),
      key,
      lockId,
      part,
    );
  }

  /** The key that `pg_locks` shows so. Its halves are unsigned there. @internal */
  static inPgLocks({ classid, objid, objsubid }: PgLocksKey): LockKey {
    if (objsubid === 2) return LockKey.of([classid | 0, objid | 0]);
    return LockKey.of(BigInt.asIntN(64, (BigInt(classid) << 32n) | BigInt(objid)));
  }

  /** Whether it is a pair of int4. Postgres keeps pairs apart from bigint keys. */
  get isPair(): boolean {
    return typeof this.value !== 'bigint';
  }

  /** Whether it is a bigint that fits into a signed integer of 32 bits, as many hashes do. @internal */
  get isShort(): boolean {
    const { id, value } = this;
    return typeof value === 'bigint' && id.length < 12 && BigInt.asIntN(32, value) === value;
  }

  /** The key as one signed 64-bit integer. The first number of a pair is the high half. */
  get bits(): bigint {
    if (typeof this.value === 'bigint') return this.value;
    return BigInt.asIntN(64, (BigInt(this.value[0]) << 32n) | BigInt.asUintN(32, BigInt(this.value[1])));
  }

  /** The key as two signed 32-bit integers: a pair itself, or the halves of a bigint. @internal */
  get pair(): readonly [number, number] {
    return [this.classid | 0, this.objid | 0];
  }

  /** `pg_locks.classid`: the high half of the key, unsigned. */
  get classid(): number {
    return Number(BigInt.asUintN(32, this.bits >> 32n));
  }

  /** `pg_locks.objid`: the low half of the key, unsigned. */
  get objid(): number {
    return Number(BigInt.asUintN(32, this.bits));
  }

  /** `pg_locks.objsubid`: 1 for a bigint key, 2 for a pair. */
  get objsubid(): 1 | 2 {
    return this.isPair ? 2 : 1;
  }

  /** The key as text, the same as {@link LockKey.id}. Never throws. */
  toString(): string {
    return this.id;
  }
}

function int8(value: unknown, name: string | undefined): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === 'bigint' && value >= INT8.min && value <= INT8.max) return value;
  throw new LockConfigurationError(
    `A lock key must be a whole number of 64 bits, received ${describe(value)}${forName(name)}. Numbers ` +
      `must be safe integers; write larger ones as bigints from ${INT8.min} to ${INT8.max}.`,
    { lockName: name },
  );
}

function int4Pair(value: unknown, name: string | undefined): readonly [number, number] {
  if (Array.isArray(value) && value.length === 2) {
    const [first, second] = value as unknown[];
    if (isInt4(first) && isInt4(second)) return [first, second];
  }
  throw new LockConfigurationError(
    `A pair of lock keys must be two whole numbers of 32 bits, from ${INT4.min} to ${INT4.max}, received ` +
      `${describe(value)}${forName(name)}.${hintForPromise(value)}`,
    { lockName: name },
  );
}

function isInt4(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= INT4.min && (value as number) <= INT4.max;
}

function forName(name: string | undefined): string {
  return name === undefined ? '' : ` for the name "${name}"`;
}

/** A value as error messages show it: `the number 0`, `the string "x"`. Never throws. */
export function describe(value: unknown): string {
  return printable(textOf(value));
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return `the string ${JSON.stringify(value)}`;
  if (typeof value === 'bigint') return `the bigint ${value}`;
  if (typeof value === 'number') return `the number ${value}`;
  if (Array.isArray(value)) return `the array [${value.map(describeElement).join(', ')}]`;
  if (typeof value === 'function') return 'a function';
  return describeElement(value);
}

/** Not by `String()` for objects, which throws for one without a prototype. */
function describeElement(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const { constructor } = value as { readonly constructor?: unknown };
  return typeof constructor === 'function' && typeof constructor.name === 'string'
    ? `an object of class ${constructor.name}`
    : 'an object without a class';
}
