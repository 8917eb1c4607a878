import type { DataSource, EntityManager } from 'typeorm';
import { findTransaction } from './transaction.js';
import { LockNotHeldError } from '../errors/lock-not-held.error.js';

/**
 * The `EntityManager` of the transaction that the calling code runs in: inside the body of `withTransactionLock`, and inside a
 * method with `@WithAdvisoryLock(name, { scope: 'transaction' })`. Of several, the innermost.
 *
 * @param dataSource - only a transaction of this one, where there are several.
 * @throws {@link LockNotHeldError} (`LOCK_NOT_HELD`) outside, and in a promise that was left behind and goes on after the commit:
 * what was meant to be under the lock must not run without it.
 * @example
 * ```ts
 * @WithAdvisoryLock<[id: number]>((id) => `order:${id}`, { scope: 'transaction' })
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
    'this code runs neither inside withTransactionLock() nor inside a method with scope: "transaction", or after its transaction has ended',
  );
}
