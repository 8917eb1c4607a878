import { type BusyHttpOptions, LockUnavailableError } from './lock-unavailable.error.js';

/**
 * The lock was waited for, and stayed busy for all of `waitMs`. Code `LOCK_TIMEOUT`. It is a `LockUnavailableError`, and shown by
 * HTTP as one. The lock was not taken.
 */
export class LockTimeoutError extends LockUnavailableError {
  override readonly name = 'LockTimeoutError';
  override readonly code = 'LOCK_TIMEOUT';

  constructor(
    lockName: string,
    /** How long it was waited for, in milliseconds. */
    readonly waitMs: number,
    http?: BusyHttpOptions,
  ) {
    super(
      lockName,
      http,
      `The lock "${lockName}" stayed busy for the ${waitMs} ms of \`waitMs\`. Try again later, or wait longer.`,
    );
  }
}
