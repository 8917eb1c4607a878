import type { MigrationInterface, QueryRunner } from 'typeorm';
import { migratedTable } from '../../core/index.js';
import { createPauseTable, PAUSE_TABLE } from './pause-table.js';

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
    await queryRunner.query(createPauseTable(migratedTable(queryRunner, PAUSE_TABLE)));
  }

  /**
   * Drops the table: no job is paused any more.
   *
   * @throws the `QueryFailedError` of TypeORM, with the `code` of Postgres.
   */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE ${migratedTable(queryRunner, PAUSE_TABLE)}`);
  }
}
