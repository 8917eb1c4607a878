import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from './lock-mode.js';
import type { TransactionIsolationLevel } from './transaction-isolation-level.js';
import type { BusyHttpOptions } from '../errors/lock-unavailable.error.js';
import { type KeySchemeOptions, keySchemeRules } from './key-scheme.options.js';
import { busyHttpRules, modeRules, signalRules, waitRules } from './lock.options.js';
import { oneOf, type OptionRules } from './option-rules.js';
import { type ReentryOptions, reentryRules } from './reentry.options.js';

/**
 * The options of `lockInTransaction` and `tryLockInTransaction`.
 *
 * @example
 * ```ts
 * await locks.lockInTransaction(manager, 'import', { waitMs: 5_000 });
 * ```
 */
export interface LockInTransactionOptions extends KeySchemeOptions, BusyHttpOptions {
  /**
   * How long to wait for a busy lock, in milliseconds: from 0 to 2147483647, or `Infinity`. `0` tries once;
   * `Infinity` waits without end. The transaction that waits keeps its connection of the application's pool.
   * @default 0
   */
  readonly waitMs?: number;
  /**
   * `'exclusive'`: there is no other holder. `'shared'`: any number of readers hold the lock at once, and
   * none of them while there is an exclusive holder.
   * @default 'exclusive'
   */
  readonly mode?: LockMode;
  /**
   * Ends the wait when it aborts: the call rejects with its reason, and the transaction can go on. Once the
   * lock is held, it has no effect. The lock connection cancels the wait, so its role must be that of the
   * transaction, a member of that, or have `pg_signal_backend`.
   * @default none
   */
  readonly signal?: AbortSignal;
}

/**
 * The options of `withTransactionLock`, `tryWithTransactionLock` and
 * `@WithAdvisoryLock(name, { scope: 'transaction' })`.
 *
 * @example
 * ```ts
 * const isolationLevel = 'SERIALIZABLE';
 * await locks.withTransactionLock('import', (manager) => manager.save(rows), { isolationLevel });
 * ```
 */
export interface TransactionLockOptions extends LockInTransactionOptions, ReentryOptions {
  /**
   * The isolation level of the transaction. `REPEATABLE READ` and `SERIALIZABLE` read as of one moment. With
   * them the lock is taken before the transaction opens, as a session lock, and released after the
   * transaction has ended.
   * @default the level of the data source; else that of the server, which is READ COMMITTED unless configured
   */
  readonly isolationLevel?: TransactionIsolationLevel;
}

/**
 * What the body of `withTransactionLock` receives about its lock. There is no `release`: the lock ends with
 * the transaction.
 */
export interface TransactionLock {
  /** The name as the application wrote it. A key that was given as a number or a pair is its text. */
  readonly name: string;
  /** The key in Postgres. */
  readonly key: LockKey;
  /** How it is held. */
  readonly mode: LockMode;
}

const commonRules: OptionRules = { ...busyHttpRules, ...waitRules, ...modeRules, ...keySchemeRules };

export const lockInTransactionRules: OptionRules = { ...commonRules, ...signalRules };

const LEVELS = [
  'READ UNCOMMITTED',
  'READ COMMITTED',
  'REPEATABLE READ',
  'SERIALIZABLE',
] as const satisfies TransactionIsolationLevel[];

/** Those of a decorator, which has no signal: it is one for all calls. */
export const transactionMethodRules: OptionRules = {
  ...commonRules,
  ...reentryRules,
  isolationLevel: oneOf(...LEVELS),
};

export const transactionLockRules: OptionRules = { ...transactionMethodRules, ...signalRules };
