import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createPauseTable, pauseTableOf } from './pause-table.js';

/**
 * Creates the table of paused jobs, in the schema of the data source.
 *
 * @example
 * ```ts
 * new DataSource({
 *   type: 'postgres',
 *   url,
 *   migrations: ['dist/migrations/*.js', CreateAdvisoryLockJobPauses1735776000000],
 * });
 * ```
 */
export class CreateAdvisoryLockJobPauses1735776000000 implements MigrationInterface {
  /** The name under which TypeORM records the migration; a minifier would change the name of the class. */
  readonly name = 'CreateAdvisoryLockJobPauses1735776000000';

  /**
   * Creates the table.
   *
   * @throws the `QueryFailedError` of TypeORM, with the `code` of Postgres.
   */
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(createPauseTable(tableOf(queryRunner)));
  }

  /**
   * Drops the table: no job is paused any more.
   *
   * @throws the `QueryFailedError` of TypeORM, with the `code` of Postgres.
   */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE ${tableOf(queryRunner)}`);
  }
}

function tableOf(queryRunner: QueryRunner): string {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- TypeORM 0.3 has no other name for it
  return pauseTableOf(queryRunner.connection);
}
