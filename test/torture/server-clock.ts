import type pg from 'pg';

/*
 * All processes of a machine read the same monotonic clock (`process.hrtime` is CLOCK_MONOTONIC, counted from
 * the start of the machine), which is never stepped back. So moments of different workers are compared as
 * that clock has them, to the microsecond and without asking the server, which a worker that is cut off could
 * not. One measured difference for the whole run turns them into the server's time; being the same for all,
 * it can neither make nor hide an overlap. The server must be on this machine.
 */

/** What to add to the monotonic clock for the server's, in microseconds. */
export type ServerOffsetUs = number;

const ATTEMPTS = 20;

/** Measures with the quickest of some questions, which is the one that had least time to be wrong. */
export async function measureServerOffset(client: pg.Client): Promise<ServerOffsetUs> {
  let best = { roundTripUs: Infinity, offsetUs: 0 };
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const askedUs = monotonicUs();
    const { rows } = await client.query<{ us: string }>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8 AS us',
    );
    const roundTripUs = monotonicUs() - askedUs;
    const serverUs = Number(rows[0]?.us);
    if (roundTripUs < best.roundTripUs) {
      best = { roundTripUs, offsetUs: Math.round(serverUs - askedUs - roundTripUs / 2) };
    }
  }
  return best.offsetUs;
}

/** What the server's clock shows now, in microseconds since 1970. */
export function serverNowUs(offsetUs: ServerOffsetUs): number {
  return monotonicUs() + offsetUs;
}

function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
