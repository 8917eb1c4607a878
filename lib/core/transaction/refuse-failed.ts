import type { EntityManager } from 'typeorm';

/** A client of node-postgres; older ones do not know the state of their transaction. */
interface StatefulClient {
  /** `T` in a transaction, `E` in one that has failed, `I` outside. */
  getTransactionStatus?(): string | null;
}

/**
 * Rejects with the error of the server (25P02) when a statement of the transaction has failed, and the body
 * has caught that error. Postgres answers the COMMIT of such a transaction with ROLLBACK, which is no error:
 * TypeORM 1.1.1 would resolve, and nothing is stored (findings/failed-transaction-resolves-as-committed.sh).
 */
export async function refuseFailed({ queryRunner }: EntityManager): Promise<void> {
  const client = (await queryRunner?.connect()) as StatefulClient | undefined;
  if (client?.getTransactionStatus?.() === 'T') return;
  await queryRunner?.query('SELECT 1');
}
