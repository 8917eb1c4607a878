import type { KeyRegistry, LockEngine } from '../core/index.js';
import { endGrant, type HeldLease, readLease, selectLeases } from '../lease/held-lease.js';
import { clockTime } from './ago.js';
import { changeTable, isReadable, type TableArgument } from './table-arguments.js';
import { type Column, tableOf } from './table.js';
import { shellWord } from './words.js';

/** The option of all commands that read leases. */
export const leaseOptions = {
  'lease-table': { type: 'string', default: 'public.advisory_lease' },
} as const;

const { default: DEFAULT_TABLE } = leaseOptions['lease-table'];

export const LEASE_OPTIONS_HELP = `  --lease-table <table> the table of leases (default: ${DEFAULT_TABLE})`;

/** The arguments of `kill` that end a lease rather than a holder. */
export function killArguments({ schema, name }: TableArgument): string {
  const table = `${schema}.${name}`;
  return table === DEFAULT_TABLE ? '--lease' : `--lease --lease-table ${shellWord(table)}`;
}

type Engine = Pick<LockEngine, 'server'>;

/** The leases of the namespace, or the one of a name; none without the table or the privilege. */
export async function leasesOf(
  engine: Engine,
  table: TableArgument,
  keys: KeyRegistry,
  name?: string,
): Promise<HeldLease[]> {
  if (!(await isReadable(engine, table))) return [];
  const fullName = name === undefined ? undefined : keys.fullNameOf(name);
  const lines = await engine.server.query(selectLeases(table.sql, { prefix: keys.prefix, fullName }));
  return lines.map((line) => readLease(line ?? '', keys.prefix));
}

/** Ends a lease as it was listed; resolves to `false` when it has ended before. */
export async function endLease(
  engine: Engine,
  table: TableArgument,
  keys: KeyRegistry,
  { name, fencingToken }: HeldLease,
): Promise<boolean> {
  const ended = await changeTable(engine, table, endGrant(table.sql, keys.fullNameOf(name), fencingToken));
  return ended.length > 0;
}

/** A title and a line for each lease. */
export function leasesTable(leases: readonly HeldLease[], now: Date, width: number): string[] {
  const columns: Column<HeldLease>[] = [
    { title: 'LEASE', text: ({ name }) => name, minWidth: 12 },
    { title: 'OWNER', text: ({ owner }) => owner, minWidth: 10 },
    { title: 'SINCE', text: ({ since }) => clockTime(since, now) },
    { title: 'UNTIL', text: ({ expiresAt }) => clockTime(expiresAt, now) },
    { title: 'FENCING', text: ({ fencingToken }) => String(fencingToken) },
  ];
  return tableOf(columns, leases, width);
}

/** JSON has no bigint. */
export function leaseAsJson({ fencingToken, ...lease }: HeldLease) {
  return { ...lease, fencingToken: String(fencingToken) };
}
