import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createHistoryTable, historyTableOf } from './history-table.js';

/**
 * Creates the table of the history, in the schema of the data source.
 *
 * @example
 * ```ts
 * new DataSource({
 *   type: 'postgres',
 *   url,
 *   migrations: ['dist/migrations/*.js', CreateAdvisoryLockJobRuns1735862400000],
 * });
 * ```
 */
export class CreateAdvisoryLockJobRuns1735862400000 implements MigrationInterface {
  /** The name under which TypeORM records the migration; a minifier would change the name of the class. */
  readonly name = 'CreateAdvisoryLockJobRuns1735862400000';

  /**
   * Creates the table.
   *
   * @throws the `QueryFailedError` of TypeORM, with the `code` of Postgres.
   */
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(createHistoryTable(tableOf(queryRunner)));
  }

  /**
   * Drops the table with the history.
   *
   * @throws the `QueryFailedError` of TypeORM, with the `code` of Postgres.
   */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE ${tableOf(queryRunner)}`);
  }
}

function tableOf(queryRunner: QueryRunner): string {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- TypeORM 0.3 has no other name for it
  return historyTableOf(queryRunner.connection);
}
