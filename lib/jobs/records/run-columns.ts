import { inspect } from 'node:util';
import { isError } from '../../core/index.js';

// Operators, functions and types are qualified: the statements run with the `search_path` of the
// application, where a better match than that of Postgres would run in its name. (`extract`, `interval`
// and `int` are syntax.)

/** Milliseconds as text, as applications replace the parsers of node-postgres for timestamps and numbers. */
export const msOf = (column: string): string =>
  `pg_catalog.round((extract(epoch FROM ${column}) OPERATOR(pg_catalog.*) 1000))::pg_catalog.text`;

export function timestamp(ms: string): string {
  return `pg_catalog.to_timestamp(${ms}::pg_catalog.float8 OPERATOR(pg_catalog./) 1000)`;
}

/**
 * The moment so many milliseconds before now. In brackets: all operators in this form have the same
 * precedence.
 */
export function ago(ms: string): string {
  return (
    '(pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) ' +
    `(${ms}::pg_catalog.float8 OPERATOR(pg_catalog.*) interval '1 millisecond'))`
  );
}

/** A longer error is cut. */
const MAX_ERROR_LENGTH = 2_000;

/** As text that Postgres accepts: it has no zero character. */
export function describeError(error: unknown): string {
  const text = isError(error) ? String(error) : inspect(error);
  return text.replaceAll('\0', '').slice(0, MAX_ERROR_LENGTH);
}
