import type { DataSource, QueryRunner } from 'typeorm';

/** A table of the library as a statement names it: where TypeORM expects the table of its entity. */
export function tableOf({ options }: DataSource, name: string): string {
  const schema = 'schema' in options ? options.schema : undefined;
  return quotedTable(`${options.entityPrefix ?? ''}${name}`, schema);
}

/** The same for a migration. */
export function migratedTable(queryRunner: QueryRunner, name: string): string {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- TypeORM 0.3 has no other name for it
  return tableOf(queryRunner.connection, name);
}

/** A table as a statement names it; without a schema, the first of that name in the `search_path`. */
export function quotedTable(table: string, schema: string | undefined): string {
  return schema === undefined ? quoted(table) : `${quoted(schema)}.${quoted(table)}`;
}

function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
