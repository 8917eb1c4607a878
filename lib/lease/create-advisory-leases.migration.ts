import type { MigrationInterface, QueryRunner } from 'typeorm';
import { migratedTable } from '../core/index.js';
import { createLeaseTable, LEASE_TABLE } from './lease-table.js';

/**
 * Creates the table of leases, in the schema of the data source.
 *
 * @example
 * ```ts
 * new DataSource({
 *   type: 'postgres',
 *   url,
 *   migrations: ['dist/migrations/*.js', CreateAdvisoryLeases1795824000000],
 * });
 * ```
 */
export class CreateAdvisoryLeases1795824000000 implements MigrationInterface {
  /** The name under which TypeORM records the migration; a minifier would change the name of the class. */
  readonly name = 'CreateAdvisoryLeases1795824000000';

  /**
   * Creates the table.
   *
   * @throws the `QueryFailedError` of TypeORM, with the `code` of Postgres.
   */
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(createLeaseTable(migratedTable(queryRunner, LEASE_TABLE)));
  }

  /**
   * Drops the table. Leases that are held then are lost, and fencing tokens may start again.
   *
   * @throws the `QueryFailedError` of TypeORM, with the `code` of Postgres.
   */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE ${migratedTable(queryRunner, LEASE_TABLE)}`);
  }
}
