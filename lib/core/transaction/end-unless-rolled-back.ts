import type { EntityManager, QueryRunner } from 'typeorm';
import { untilEnded } from '../connection/until-ended.js';

interface EndingClient {
  /** With a statement under way it cuts the socket. */
  end(): Promise<void>;
}

/**
 * Ends the connection when its transaction cannot be rolled back. TypeORM 1.1.1 ignores that error, and the
 * connection would go back to the pool inside the transaction, with its locks. So it is with `query_timeout`
 * of node-postgres: a ROLLBACK that has to wait behind a slow statement times out as well, and is never sent
 * (findings/query-timeout-leaves-a-transaction-open.sh).
 */
export function endUnlessRolledBack({ queryRunner: runner }: EntityManager): void {
  // The EntityManager of a test need not have one, nor that all methods.
  const rollback = (runner as Partial<QueryRunner> | undefined)?.rollbackTransaction?.bind(runner);
  if (runner === undefined || rollback === undefined) return;
  runner.rollbackTransaction = async () => {
    const { isTransactionActive } = runner;
    try {
      await rollback();
    } catch (error) {
      // Without a transaction it was refused, and there is nothing in doubt.
      if (isTransactionActive) await end(runner);
      throw error;
    }
  };
}

async function end(runner: QueryRunner): Promise<void> {
  const client = (await runner.connect()) as EndingClient;
  client.end().catch(() => undefined);
  await untilEnded(runner);
}
