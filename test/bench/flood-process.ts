import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** Questions to the fleet are sent from so many connections. */
const CONNECTIONS = 4;

/** Between two statements of a connection, in milliseconds; at full speed there is no pause. */
const PAUSE_MS = 10;
const QUESTIONS_AT_FULL_SPEED = 300;

/** A child process: takes the questions a second as messages, 0 to stop, and sends back how many it sent. */
const [url = ''] = process.argv.slice(2);
let asksASecond = 0;
let sent = 0;
let isOver = false;

async function ask(client: pg.Client): Promise<void> {
  while (!isOver) {
    const isFullSpeed = asksASecond === Infinity;
    const count = isFullSpeed
      ? QUESTIONS_AT_FULL_SPEED
      : Math.round((asksASecond / CONNECTIONS) * (PAUSE_MS / 1_000));
    if (count > 0) {
      await client.query(
        `SELECT pg_notify('nestjs_advisory_lock', '{"id":"q' || ${sent} + n || '","keys":[]}')
        FROM generate_series(1, ${count}) AS n`,
      );
      sent += count;
    }
    if (!isFullSpeed) await sleep(PAUSE_MS);
  }
  await client.end();
}

process.on('message', ({ asksASecond: wanted }: { asksASecond: number | null }) => {
  asksASecond = wanted ?? Infinity;
  process.send?.({ sent });
});
process.on('disconnect', () => {
  isOver = true;
});
for (let n = 0; n < CONNECTIONS; n += 1) {
  const client = new pg.Client(url);
  await client.connect();
  void ask(client);
}
process.send?.({ sent });
