import type { SqlTransaction } from '../core/index.js';
import { unwrapPrismaError } from './prisma-error.js';
import { rowsOf } from './rows-of.js';

/**
 * What this library uses of the client that an interactive transaction of Prisma gives to its callback.
 *
 * @example
 * ```ts
 * const lock = (tx: PrismaTransaction) => locks.lockInTransaction(prismaTransaction(tx), 'import');
 * await prisma.$transaction(lock);
 * ```
 */
export interface PrismaTransaction {
  /** Runs one statement. */
  $queryRawUnsafe(sql: string): PromiseLike<unknown>;
}

/**
 * Makes an interactive transaction of Prisma one that `lockInTransaction` takes. Give it a `timeout` that is
 * longer than `waitMs`: when it is over, Prisma rolls back, and the call rejects.
 *
 * @example
 * ```ts
 * await prisma.$transaction(async (tx) => {
 *   await locks.lockInTransaction(prismaTransaction(tx), `order:${id}`, { waitMs: 5_000 });
 *   await tx.order.update({ where: { id }, data: { paidAt: new Date() } });
 * }, { timeout: 10_000 });
 * ```
 */
export function prismaTransaction(tx: PrismaTransaction): SqlTransaction {
  return {
    transaction: tx,
    runStatement: async (sql) => {
      try {
        return rowsOf(await tx.$queryRawUnsafe(sql));
      } catch (error) {
        throw unwrapPrismaError(error);
      }
    },
  };
}
