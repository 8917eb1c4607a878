import pg from 'pg';
import { startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';
import { openLeases } from './contenders/leases.js';
import { lockDistinctKeys } from './distinct-keys.js';
import { quantile } from './quantile.js';

/*
 * What rows of ended leases cost: lease + release at 100 at once, with a table without other rows, with
 * 1,000,000 rows that ended long ago and are being deleted meanwhile, and with as many that stay, as their
 * fencing tokens are ahead of the transaction ids.
 *
 *   node --import ./scripts/typescript.mjs test/bench/expired-leases.ts
 */
const EXPIRED = 1_000_000;
const ROUNDS = 9;
const LOAD = { atOnce: 100, durationMs: 1_000, names: 10_000 };

const settings = ['fsync=on', 'synchronous_commit=on', 'full_page_writes=on'];
const server = await startEmbeddedPostgres({ postgresFlags: settings.flatMap((setting) => ['-c', setting]) });
const client = new pg.Client(server.url);
await client.connect();

/** Each with a process' own state, which decides when rows are deleted. */
async function measure(what: string): Promise<void> {
  const contender = await openLeases(server.url, `round of ${what}`, false);
  const samples: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const { locksPerSecond } = await lockDistinctKeys(contender, LOAD);
    if (round > 0) samples.push(locksPerSecond);
  }
  await contender.close();
  const rate = Math.round(quantile(samples) ?? 0).toLocaleString('en');
  console.log(`${what.padEnd(32)} ${rate.padStart(8)} leases/s   rows at the end: ${await countRows()}`);
}

async function countRows(): Promise<string> {
  const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM advisory_lease');
  return Number(rows[0]?.count).toLocaleString('en');
}

async function addExpired(from: number, fencing: string): Promise<void> {
  await client.query(
    `INSERT INTO advisory_lease SELECT 'expired:' || n, ${fencing}, md5(n::text), 'bench', 10000,
       now() - interval '1 day', now() - interval '23 hours' FROM generate_series($1::int, $2::int) AS n`,
    [from, from + EXPIRED - 1],
  );
}

await measure('without other rows');
await addExpired(0, '1');
await measure('expired rows, being deleted');
await client.query('TRUNCATE advisory_lease');
await addExpired(EXPIRED, '9000000000000000000');
await measure('expired rows that stay');
await client.query('TRUNCATE advisory_lease');
await measure('without other rows, again');
await client.end();
await server.stop();
