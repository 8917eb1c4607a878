import type { Statement } from '../../core/index.js';
import { epochMs } from '../epoch-ms.js';

/** What has run, as the table has it. */
export interface OnceRun {
  /** Without the namespace. */
  readonly name: string;
  /** Empty without one. */
  readonly version: string;
  readonly instance: string;
  readonly ranAt: Date;
}

// Operators, functions and types are qualified, and each statement has one column of text, as in
// held-lease.ts.
const RUN = `pg_catalog.json_build_array(name, version, instance,
    ${epochMs('ran_at')})::pg_catalog.text`;

/** What has run of the names that begin with the prefix, in that order. */
export function selectOnceRuns(table: string, prefix: string): Statement {
  return {
    text: `SELECT ${RUN} FROM ${table}
   WHERE pg_catalog.starts_with(name, $1::pg_catalog.text) ORDER BY ran_at, name, version`,
    values: [prefix],
  };
}

/** Forgets that a version of a name has run, or all of its versions; the rows are what was forgotten. */
export function deleteOnceRuns(table: string, fullName: string, version: string | undefined): Statement {
  return {
    text: `DELETE FROM ${table}
   WHERE name OPERATOR(pg_catalog.=) $1::pg_catalog.text
     AND ($2::pg_catalog.text IS NULL OR version OPERATOR(pg_catalog.=) $2::pg_catalog.text)
   RETURNING ${RUN}`,
    values: [fullName, version ?? null],
  };
}

/** Reads a row of these statements; `prefix` is what the namespace puts in front of names. */
export function readOnceRun(line: string, prefix: string): OnceRun {
  const [fullName, version, instance, ranMs] = JSON.parse(line) as [string, string, string, number];
  return { name: fullName.slice(prefix.length), version, instance, ranAt: new Date(ranMs) };
}
