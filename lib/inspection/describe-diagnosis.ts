import type { Diagnosis } from './diagnosis.js';

/** The diagnosis in one line. */
export function describeDiagnosis({
  server,
  pooler,
  connections,
  locks,
  lockTable,
  clock,
}: Diagnosis): string {
  const parts = [`${connections.open} of ${connections.allowed} lock connections open`];
  if (server !== undefined) parts.unshift(server.version.split(/ on |,/, 1)[0] ?? '');
  if (pooler !== undefined) parts.push(pooler === 'none' ? 'no pooler' : 'through a pooler');
  if (locks?.allowed !== undefined && locks.used > 0)
    parts.push(`${locks.used} of ${locks.allowed} locks held`);
  if (lockTable !== undefined) parts.push(`room for ${lockTable.free} more locks`);
  if (clock !== undefined)
    parts.push(`its clock is ${Math.abs(clock.aheadMs)} ms ${clock.aheadMs < 0 ? 'behind' : 'ahead'}`);
  return parts.join(', ');
}

/** What it means that locks are held through a pooler. */
export const POOLER_NOTICE =
  'A pooler was found between the lock connection and the server. Locks are held inside one open ' +
  'transaction, which takes one connection of the pooler while any lock is held, and one for each lock ' +
  "that is waited for. A direct URL in `connectionOptions` avoids that, and so does `pooler: 'none'` for " +
  'a pooler that keeps a backend for each client (PgBouncer with `pool_mode = session`, pgpool-II).';
