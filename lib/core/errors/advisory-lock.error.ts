import { isNativeError } from 'node:util/types';
import { printable } from './printable.js';

/** The stable codes of this library's errors. */
export type AdvisoryLockErrorCode =
  | 'LOCK_UNAVAILABLE'
  | 'LOCK_TIMEOUT'
  | 'LOCK_DEADLOCK'
  | 'LOCK_LOST'
  | 'LOCK_NOT_HELD'
  | 'LOCK_REENTERED'
  | 'LOCK_CAPACITY'
  | 'LOCK_CONNECTION'
  | 'LOCK_SHUTDOWN'
  | 'LOCK_CONFIGURATION'
  | 'LOCK_JOB_FAILED';

/** What an error of this library knows in addition to its message. */
export interface AdvisoryLockErrorDetails {
  /**
   * The name of the lock, as the application wrote it.
   * @default none
   */
  readonly lockName?: string | undefined;
  /**
   * The error that led to this one, such as the driver's own.
   * @default none
   */
  readonly cause?: unknown;
}

/** The property of a class of errors with the codes that its errors have. */
export const ERROR_CODES: unique symbol = Symbol.for('nestjs-advisory-lock:error-codes');

/**
 * The base class of every error of this library.
 *
 * `instanceof` works across copies of the package in one process (the ES module and the CommonJS half, or two
 * versions): an error of another copy is an instance of the class here that has its `code`. A subclass of
 * your own has only the instances that it has made.
 *
 * @example
 * ```ts
 * try {
 *   await locks.withLock('import', run);
 * } catch (error) {
 *   if (error instanceof AdvisoryLockError && error.code === 'LOCK_UNAVAILABLE') return 'runs already';
 *   throw error;
 * }
 * ```
 */
export abstract class AdvisoryLockError extends Error {
  /** @internal */
  protected static readonly [ERROR_CODES]: readonly AdvisoryLockErrorCode[] | 'all' = 'all';

  /**
   * Whether the value is an error of this class, made by this or another copy of the package. Never throws.
   *
   * @example
   * ```ts
   * const isBusy = (error: unknown): boolean => error instanceof LockUnavailableError;
   * ```
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    // The subclass of an application inherits the codes, and has none of its own.
    return Object.hasOwn(this, ERROR_CODES) && hasCode(value, this[ERROR_CODES]);
  }

  /** Which error it is. A code never changes between releases. */
  abstract readonly code: AdvisoryLockErrorCode;

  /**
   * The name of the lock, as the application wrote it; `undefined` where the error is about no single lock.
   */
  readonly lockName: string | undefined;

  constructor(message: string, details: AdvisoryLockErrorDetails = {}) {
    // Names, and what servers and drivers say, may be of anyone; `lockName` stays what it is.
    super(printable(message), details.cause === undefined ? undefined : { cause: details.cause });
    this.lockName = details.lockName;
  }
}

/** Whether it is an error of this library, from whichever copy, with one of the codes. */
function hasCode(value: unknown, codes: readonly string[] | 'all'): boolean {
  if (!isNativeError(value) || !('code' in value && 'lockName' in value)) return false;
  const { code } = value;
  // Another version may have codes that are not known here.
  return typeof code === 'string' && (codes === 'all' ? /^LOCK_[A-Z_]+$/.test(code) : codes.includes(code));
}
