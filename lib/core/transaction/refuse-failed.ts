import type { EntityManager } from 'typeorm';

/**
 * Rejects with the error of the server (25P02) when a statement of the transaction has failed, and the body
 * has caught that error. Postgres makes the COMMIT of such a transaction a ROLLBACK, which is no error:
 * TypeORM 1.1.1 would resolve, and nothing is stored (findings/failed-transaction-resolves-as-committed.sh).
 *
 * It takes a round trip: node-postgres learns the state of its transaction only after the error has reached
 * the body, so `getTransactionStatus()` may still tell the state before that.
 */
export async function refuseFailed({ queryRunner }: EntityManager): Promise<void> {
  await queryRunner?.query('SELECT 1');
}
