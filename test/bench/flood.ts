import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';
import { forkModule } from '../../sample-app/postgres/fork-module.js';
import { quantile } from './quantile.js';

/*
 * What a flood of questions to the fleet costs the locks of an instance: how long a lock takes, taken and
 * given back, in three processes at the same time. One of them does not listen, so that what the flood costs
 * the machine and the server is seen apart from what it costs an instance.
 *
 *   node --import ./scripts/typescript.mjs test/bench/flood.ts --rounds 6
 */

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '6' } } });
const ROUNDS = Number(values.rounds);
const PHASE_MS = 2_000;

const FLOODS = [
  { name: 'no flood', asksASecond: 0 },
  { name: '2,000 a second', asksASecond: 2_000 },
  { name: '20,000 a second', asksASecond: 20_000 },
  { name: 'full speed', asksASecond: Infinity },
];

const server = await startEmbeddedPostgres();
const start = async (file: string, ...args: string[]): Promise<ChildProcess> => {
  const child = forkModule(fileURLToPath(new URL(file, import.meta.url)), [server.url, ...args]);
  await once(child, 'message');
  return child;
};
const ask = async (child: ChildProcess, message: object): Promise<unknown> => {
  const reply = once(child, 'message');
  child.send(message);
  return ((await reply) as [unknown])[0];
};

const flooder = await start('./flood-process.ts');
const instances = [
  { name: 'does not join the fleet', child: await start('./flood-instance.ts', '0', 'false') },
  { name: 'holds nothing', child: await start('./flood-instance.ts', '0', 'true') },
  { name: 'holds 500 long names', child: await start('./flood-instance.ts', '500', 'true') },
];

/** Sets the flood; resolves to how many questions were sent so far. */
async function flood(asksASecond: number): Promise<number> {
  const wanted = Number.isFinite(asksASecond) ? asksASecond : null;
  return ((await ask(flooder, { asksASecond: wanted })) as { sent: number }).sent;
}

const results = FLOODS.map((each) => ({
  ...each,
  asked: 0,
  rows: instances.map(({ name }) => ({ name, times: [] as number[], p99s: [] as number[], failed: 0 })),
}));
// After a flood at full speed an instance does not listen for a while, so that one comes last.
const turns = [results.slice(0, -1), results.slice(-1)].flatMap((some) =>
  Array.from({ length: ROUNDS + 1 }, (_, n) => ({
    isWarmUp: n === 0,
    some: n % 2 === 0 ? some : some.toReversed(),
  })),
);
for (const { isWarmUp, some } of turns) {
  for (const result of some) {
    const before = await flood(result.asksASecond);
    const measured = (await Promise.all(
      instances.map(({ child }) => ask(child, { durationMs: PHASE_MS })),
    )) as { times: number[]; failed: number }[];
    const asked = (await flood(0)) - before;
    // What has been sent is read.
    await sleep(500);
    if (isWarmUp) continue;
    result.asked += asked;
    for (const [n, row] of result.rows.entries()) {
      const { times = [], failed = 0 } = measured[n] ?? {};
      row.times.push(...times);
      row.p99s.push(quantile(times, 0.99) ?? NaN);
      row.failed += failed;
    }
  }
}

console.log(
  `${'flood'.padEnd(16)} ${'instance'.padEnd(24)} asked/s   p50 ms   p99 ms     × own  × aside   failed`,
);
for (const { name, asked, rows } of results) {
  for (const [n, row] of rows.entries()) {
    const quiet = results[0]?.rows[n]?.p99s ?? [];
    const aside = rows[0]?.p99s ?? [];
    const ratioTo = (base: readonly number[]): string | undefined =>
      quantile(row.p99s.map((p99, round) => p99 / (base[round] ?? NaN)))?.toFixed(2);
    const figures = [
      (asked / ROUNDS / (PHASE_MS / 1_000)).toFixed(0),
      quantile(row.times)?.toFixed(2),
      quantile(row.times, 0.99)?.toFixed(2),
      ratioTo(quiet),
      ratioTo(aside),
      String(row.failed),
    ].map((figure = '') => figure.padStart(8));
    console.log(`${name.padEnd(16)} ${row.name.padEnd(24)}${figures.join(' ')}`);
  }
}
for (const child of [flooder, ...instances.map((each) => each.child)]) {
  child.disconnect();
  await once(child, 'exit');
}
await server.stop();
