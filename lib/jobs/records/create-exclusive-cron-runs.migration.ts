import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createRunTable, runTableOf } from './run-table.js';

/**
 * Creates the table that jobs with `tick: 'record'` write, in the schema of the data source.
 *
 * @example
 * ```ts
 * new DataSource({
 *   type: 'postgres',
 *   url,
 *   migrations: ['dist/migrations/*.js', CreateExclusiveCronRuns1735689600000],
 * });
 * ```
 */
export class CreateExclusiveCronRuns1735689600000 implements MigrationInterface {
  /** The name under which TypeORM records the migration; a minifier would change the name of the class. */
  readonly name = 'CreateExclusiveCronRuns1735689600000';

  /**
   * Creates the table.
   *
   * @throws the `QueryFailedError` of TypeORM, with the `code` of Postgres.
   */
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(createRunTable(tableOf(queryRunner)));
  }

  /**
   * Drops the table with all records.
   *
   * @throws the `QueryFailedError` of TypeORM, with the `code` of Postgres.
   */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE ${tableOf(queryRunner)}`);
  }
}

function tableOf(queryRunner: QueryRunner): string {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- TypeORM 0.3 has no other name for it
  return runTableOf(queryRunner.connection);
}
