import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Random } from './random.js';
import { WorkerLife } from './worker-life.js';

// What many write by hand: a session lock on a connection, which is right without a pooler, and with one in
// session mode. It is here for the checker, which must find what is wrong with it.
const CALLERS = 2;
const KEYS = 3;

const life = new WorkerLife();
const random = new Random(life.settings.seed, life.settings.worker);

async function openCaller(): Promise<{ turn: () => Promise<void>; close: () => Promise<void> }> {
  const client = new pg.Client({ connectionString: life.settings.url });
  await client.connect();
  const turn = async (): Promise<void> => {
    const key = random.between(0, KEYS);
    const { rows } = await client.query<{ granted: boolean }>('SELECT pg_try_advisory_lock($1) AS granted', [
      key,
    ]);
    if (rows[0]?.granted !== true) {
      await sleep(1);
      return;
    }
    const id = life.journal.start({ names: [`key:${key}`], kind: 'exclusive', permits: 1, way: 'by hand' });
    await sleep(random.between(0, 10));
    life.journal.end(id, { ending: 'released' });
    await client.query('SELECT pg_advisory_unlock($1)', [key]);
  };
  return { turn, close: () => client.end() };
}

const callers = await Promise.all(Array.from({ length: CALLERS }, openCaller));
await life.run(
  callers.map(({ turn }) => turn),
  async () => {
    await Promise.all(callers.map(({ close }) => close()));
  },
);
process.disconnect();
