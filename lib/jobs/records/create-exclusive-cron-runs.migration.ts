import type { MigrationInterface, QueryRunner } from 'typeorm';
import { migratedTable } from '../../core/index.js';
import { createRunTable, RUN_TABLE } from './run-table.js';

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
    await queryRunner.query(createRunTable(migratedTable(queryRunner, RUN_TABLE)));
  }

  /**
   * Drops the table with all records.
   *
   * @throws the `QueryFailedError` of TypeORM, with the `code` of Postgres.
   */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE ${migratedTable(queryRunner, RUN_TABLE)}`);
  }
}
