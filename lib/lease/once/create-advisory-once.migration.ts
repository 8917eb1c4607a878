import type { MigrationInterface, QueryRunner } from 'typeorm';
import { migratedTable } from '../../core/index.js';
import { createOnceTable, ONCE_TABLE } from './once-table.js';

/**
 * Creates the table of what `once` has run, in the schema of the data source.
 *
 * @example
 * ```ts
 * new DataSource({
 *   type: 'postgres',
 *   url,
 *   migrations: ['dist/migrations/*.js', CreateAdvisoryOnce1795824000001],
 * });
 * ```
 */
export class CreateAdvisoryOnce1795824000001 implements MigrationInterface {
  /** The name under which TypeORM records the migration; a minifier would change the name of the class. */
  readonly name = 'CreateAdvisoryOnce1795824000001';

  /**
   * Creates the table.
   *
   * @throws the `QueryFailedError` of TypeORM, with the `code` of Postgres.
   */
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(createOnceTable(migratedTable(queryRunner, ONCE_TABLE)));
  }

  /**
   * Drops the table: everything runs again.
   *
   * @throws the `QueryFailedError` of TypeORM, with the `code` of Postgres.
   */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE ${migratedTable(queryRunner, ONCE_TABLE)}`);
  }
}
