import type { DataSource, EntityManager } from 'typeorm';
import { findTransaction } from './transaction.js';
import { LockNotHeldError } from '../errors/lock-not-held.error.js';

/**
 * Returns the `EntityManager` of the transaction that the calling code runs in: inside the body of
 * `withTransactionLock`, and inside a method with `@WithAdvisoryLock(name, { scope: 'transaction' })`. Of
 * several nested transactions it is that of the innermost.
 *
 * @param dataSource - finds only a transaction of this data source, where there are several.
 * @throws {@link LockNotHeldError} (`LOCK_NOT_HELD`) outside such a transaction, and in a promise that was
 * not awaited and goes on after the commit: what needs the lock must not run without it.
 * @example
 * ```ts
 * @WithAdvisoryLock((id: number) => `order:${id}`, { scope: 'transaction' })
 * async pay(id: number): Promise<void> {
 *   await currentEntityManager().update(Order, { id }, { paidAt: new Date() });
 * }
 * ```
 */
export function currentEntityManager(dataSource?: DataSource): EntityManager {
  const transaction = findTransaction(dataSource);
  if (transaction !== undefined) return transaction.manager;
  throw new LockNotHeldError(
    undefined,
    'this code runs neither inside withTransactionLock() nor inside a method with `scope: ' +
      "'transaction'`, or it runs after its transaction has ended",
  );
}
