import type { LockTable } from '../engine/lock-table.js';

const NOW = `SELECT (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000)::text`;

/** What time it is by the clock of the server, of which are the moments that Postgres tells. */
export async function serverClock(table: LockTable): Promise<Date> {
  const [nowMs] = await table.look({ text: NOW, values: [] });
  return new Date(Number(nowMs));
}
