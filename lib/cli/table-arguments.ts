import {
  isSyntaxOrAccessError,
  type LockEngine,
  quotedTable,
  SqlState,
  sqlStateOf,
  type Statement,
} from '../core/index.js';
import { PrivilegeError } from './privilege.error.js';
import { UsageError } from './usage.error.js';

/** A table of the application: lock connections have no search path, so its schema is known. */
export interface TableArgument {
  readonly schema: string;
  readonly name: string;
  /** As statements name it. */
  readonly sql: string;
}

export function readTable(text: string, option: string): TableArgument {
  const [schema = '', name = '', ...surplus] = text.split('.');
  if (schema === '' || name === '' || surplus.length > 0) {
    throw new UsageError(`${option} must be schema.table, received ${JSON.stringify(text)}.`);
  }
  return { schema, name, sql: quotedTable(name, schema) };
}

/** Whether it exists and the role may read it: a refused query would be an error in the server's log. */
export async function isReadable(
  { server }: Pick<LockEngine, 'server'>,
  { schema, name }: TableArgument,
): Promise<boolean> {
  const rows = await server.query({
    text: `SELECT class.relname::pg_catalog.text
  FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid OPERATOR(pg_catalog.=) class.relnamespace
 WHERE namespace.nspname OPERATOR(pg_catalog.=) $1::pg_catalog.name
   AND class.relname OPERATOR(pg_catalog.=) $2::pg_catalog.name
   AND class.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v}'::pg_catalog."char"[])
   AND pg_catalog.has_schema_privilege(namespace.oid, 'USAGE')
   AND pg_catalog.has_table_privilege(class.oid, 'SELECT')`,
    values: [schema, name],
  });
  return rows.length > 0;
}

/** Changes the table. Without it the arguments are wrong, or those of the environment. */
export async function changeTable(
  { server }: Pick<LockEngine, 'server'>,
  table: TableArgument,
  statement: Statement,
): Promise<string[]> {
  try {
    return (await server.query(statement)).map((line) => line ?? '');
  } catch (error) {
    if (!isSyntaxOrAccessError(error)) throw error;
    const what = `The table ${table.sql} cannot be changed: ${error.message}.`;
    if (sqlStateOf(error) === SqlState.insufficientPrivilege)
      throw new PrivilegeError(what, { cause: error });
    throw new UsageError(what, { cause: error });
  }
}
