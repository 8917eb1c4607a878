import type { Statement } from '../core/index.js';
import { epochMs } from './epoch-ms.js';

/**
 * A lease that is held, as the server has it: what `AdvisoryLockInspector.leases()` resolves to.
 *
 * @example
 * ```ts
 * for (const { name, owner, expiresAt } of await inspector.leases()) console.log(name, owner, expiresAt);
 * ```
 */
export interface HeldLease {
  /** Without the namespace. */
  readonly name: string;
  /** The option `owner` of the grant; by default the name of the instance. */
  readonly owner: string;
  /** The number of the grant, which identifies it: no other grant of that name has it. */
  readonly fencingToken: bigint;
  /** For how long it was granted or extended last, in milliseconds. */
  readonly ttlMs: number;
  /** When it was granted, by the clock of the server. */
  readonly since: Date;
  /** When it ends unless it is extended, by the clock of the server. */
  readonly expiresAt: Date;
}

/** What identifies a grant: a {@link HeldLease}, or its name and number alone. */
export type LeaseGrant = Pick<HeldLease, 'name' | 'fencingToken'>;

/**
 * Which leases to list.
 *
 * @example
 * ```ts
 * const [lease] = await inspector.leases({ name: 'doc:42' });
 * ```
 */
export interface LeaseFilter {
  /**
   * Only the lease of this name.
   * @default none
   */
  readonly name?: string;
}

// Operators, functions and types are qualified, as in lease-store.ts. Each statement has one column of text,
// so that the lock connection and clients of the application can run it. No hash of a token is read.

export const IS_HELD = `token_hash IS NOT NULL
     AND expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()`;

/** Leases whose full name is the given one, or begins with the prefix; those that end first come first. */
export function selectLeases(
  table: string,
  { fullName, prefix = '' }: { readonly fullName?: string | undefined; readonly prefix?: string },
): Statement {
  const [text, condition] =
    fullName === undefined
      ? [prefix, 'pg_catalog.starts_with(name, $1::pg_catalog.text)']
      : [fullName, 'name OPERATOR(pg_catalog.=) $1::pg_catalog.text'];
  return {
    text: `SELECT pg_catalog.json_build_array(name, owner, fencing::pg_catalog.text, ttl_ms,
         ${epochMs('since')}, ${epochMs('expires_at')})::pg_catalog.text AS line
    FROM ${table}
   WHERE ${condition} AND ${IS_HELD}
   ORDER BY expires_at, name`,
    values: [text],
  };
}

/** Reads a line of {@link selectLeases}; `prefix` is what the namespace puts in front of names. */
export function readLease(line: string, prefix: string): HeldLease {
  const [fullName, owner, fencing, ttlMs, sinceMs, expiresMs] = JSON.parse(line) as [
    string,
    string,
    string,
    number,
    number,
    number,
  ];
  return {
    name: fullName.slice(prefix.length),
    owner,
    fencingToken: BigInt(fencing),
    ttlMs,
    since: new Date(sinceMs),
    expiresAt: new Date(expiresMs),
  };
}

/**
 * Ends a grant whose token is not known. No row: it has ended, and a later grant is left alone. The hash
 * goes, as at a release, so the holder's next extension finds nothing.
 */
export function endGrant(table: string, fullName: string, fencingToken: bigint): Statement {
  return {
    // In a WITH, as TypeORM returns something else for a plain UPDATE.
    text: `WITH ended AS (
    UPDATE ${table} SET token_hash = NULL, expires_at = pg_catalog.clock_timestamp()
     WHERE name OPERATOR(pg_catalog.=) $1::pg_catalog.text
     AND fencing OPERATOR(pg_catalog.=) $2::pg_catalog.int8
     AND ${IS_HELD}
    RETURNING name)
  SELECT name AS line FROM ended`,
    values: [fullName, String(fencingToken)],
  };
}
