import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';
import { spawnWorker, type WorkerProcess } from '../support/worker-process.js';

/*
 * How long a fleet takes to own all shards again after a process was killed: 20 instances in 5 processes, of
 * which one with 4 instances is killed, and 256 shards.
 *
 *   node --import ./scripts/typescript.mjs test/bench/shares.ts
 */
const OF = 256;
const PROCESSES = 5;
const PER_PROCESS = 4;
const server = await startEmbeddedPostgres();
const { url } = server;
const log = `/tmp/shares-${process.pid}.log`;

const workers = Array.from({ length: PROCESSES }, () =>
  spawnWorker(new URL('../faults/workers/sharer.ts', import.meta.url), {
    env: { TEST_URL: url, TEST_LOG: log, TEST_OF: String(OF), TEST_INSTANCES: String(PER_PROCESS) },
  }),
);

async function ownedBy(worker: WorkerProcess): Promise<number[]> {
  worker.send({ order: 'owned' });
  return (await worker.message<{ owned: number[] }>((message) => 'owned' in message)).owned;
}

async function untilEven(members: readonly WorkerProcess[]): Promise<number> {
  const from = performance.now();
  for (;;) {
    const owned = (await Promise.all(members.map(ownedBy))).flat();
    const sum = owned.reduce((total, count) => total + count, 0);
    if (sum === OF && Math.max(...owned) - Math.min(...owned) <= 1) return performance.now() - from;
    await sleep(20);
  }
}

const client = new pg.Client(url);
await client.connect();
await Promise.all(workers.map((worker) => worker.message((message) => 'ready' in message)));
console.log(`even after the start: ${(await untilEven(workers)).toFixed(0)} ms`);
const [victim, ...left] = workers as [WorkerProcess, ...WorkerProcess[]];
victim.kill('SIGKILL');
console.log(`even after a kill -9: ${(await untilEven(left)).toFixed(0)} ms`);

const begin = performance.now();
const before = await statements();
await sleep(5_000);
const seconds = (performance.now() - begin) / 1_000;
console.log(
  `transactions a second at rest: ${((Number(await statements()) - Number(before)) / seconds).toFixed(1)}`,
);
const moves = readFileSync(log, 'utf8')
  .split('\n')
  .filter((line) => line.includes('"begins"')).length;
console.log(`shards begun in all: ${moves}`);
for (const worker of left) worker.send({ order: 'stop' });
await Promise.all(left.map(({ exited }) => exited));
await client.end();
await server.stop();
rmSync(log);

async function statements(): Promise<string> {
  await client.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await client.query<{ sum: string }>(
    'SELECT xact_commit::text AS sum FROM pg_stat_database WHERE datname = current_database()',
  );
  return rows[0]?.sum ?? '0';
}
