import type { LockRuntime, SessionLocks, TransactionLocks } from '../core/index.js';

/** Where a service keeps what features take from core. The same for both halves of the package. */
export const LOCK_RUNTIME: unique symbol = Symbol.for('nestjs-advisory-lock:runtime');

/**
 * What a decorated method calls: the `AdvisoryLockService` of its module, or a test's fake of it, which needs
 * only the methods that are called.
 */
export interface LockHost extends Pick<SessionLocks, 'withLock' | 'tryWithLock' | 'acquire'> {
  readonly withTransactionLock: TransactionLocks['withLock'];
  readonly tryWithTransactionLock: TransactionLocks['tryWithLock'];
  /** Missing in a fake. */
  readonly [LOCK_RUNTIME]?: LockRuntime;
}
