import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from './lock-mode.js';
import type { TransactionIsolationLevel } from './transaction-isolation-level.js';
import type { BusyHttpOptions } from '../errors/lock-unavailable.error.js';
import { busyHttpRules, modeRules, waitRules } from './lock.options.js';
import type { OptionRules } from './option-rules.js';

/** The options of `lockInTransaction` and `tryLockInTransaction`. */
export interface LockInTransactionOptions extends BusyHttpOptions {
  /**
   * How long to wait for a busy lock, in milliseconds: 0 tries once, `Infinity` waits for ever. The waiting transaction keeps
   * its connection of the application's pool.
   * @default 0
   */
  readonly waitMs?: number;
  /**
   * `'shared'` for readers: any number of them hold the lock at once, and none while somebody holds it exclusively.
   * @default 'exclusive'
   */
  readonly mode?: LockMode;
}

/** The options of `withTransactionLock`, `tryWithTransactionLock` and `@WithAdvisoryLock(name, { scope: 'transaction' })`. */
export interface TransactionLockOptions extends LockInTransactionOptions {
  /**
   * The isolation level of the transaction. With `REPEATABLE READ` and `SERIALIZABLE`, which read as of one moment, the lock is
   * taken before the transaction opens, as a session lock, and released after it has ended.
   * @default what the data source says; else what the server says, which is READ COMMITTED unless it was configured otherwise
   */
  readonly isolationLevel?: TransactionIsolationLevel;
}

/** What the body of `withTransactionLock` is told of its lock. There is no release: it goes with the transaction. */
export interface TransactionLock {
  /** The name, as the application wrote it; a key that was given as a number or a pair, as text. */
  readonly name: string;
  /** The key in Postgres. */
  readonly key: LockKey;
  readonly mode: LockMode;
}

export const lockInTransactionRules: OptionRules = { ...busyHttpRules, ...waitRules, ...modeRules };

const LEVELS: readonly unknown[] = [
  'READ UNCOMMITTED',
  'READ COMMITTED',
  'REPEATABLE READ',
  'SERIALIZABLE',
] satisfies TransactionIsolationLevel[];

export const transactionLockRules: OptionRules = {
  ...lockInTransactionRules,
  isolationLevel: [(value) => LEVELS.includes(value), LEVELS.join(', ')],
};
