import { expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defer } from '../support/cleanup.js';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import type { WorkerProcess } from '../support/worker-process.js';

const database = useTestDatabase();
const OF = 12;
/** For processes that start on a busy machine. */
const START_MS = 60_000;

interface Note {
  readonly pid: number;
  readonly at: number;
  readonly shard: number;
  readonly what: 'begins' | 'has' | 'ends';
  readonly token?: string;
}

async function ownedBy(worker: WorkerProcess): Promise<readonly number[]> {
  worker.send({ order: 'owned' });
  return (await worker.message<{ owned: number[] }>((message) => 'owned' in message)).owned;
}

const untilOwned = (workers: readonly WorkerProcess[], counts: readonly number[]): Promise<void> =>
  until(
    async () => {
      const owned = (await Promise.all(workers.map(ownedBy))).flat().sort((one, other) => one - other);
      return owned.join() === counts.join();
    },
    `instances own ${counts.join()} shards`,
    START_MS,
  );

it('a shard of a process that is killed goes to another one, and is never owned twice', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'shares-'));
  defer(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'log');
  const start = (): WorkerProcess =>
    startWorker(new URL('./workers/sharer.ts', import.meta.url), {
      env: { TEST_URL: database.url, TEST_LOG: path, TEST_OF: String(OF) },
    });
  const killed = new Set<number>();
  const [first, second, third] = [start(), start(), start()];
  await untilOwned([first, second, third], [4, 4, 4]);
  for (const [victim, left, counts] of [
    [first, [second, third], [6, 6]],
    [second, [third], [12]],
  ] as const) {
    victim.kill('SIGKILL');
    await victim.exited;
    killed.add(victim.pid);
    await untilOwned(left, counts);
  }
  const fourth = start();
  await untilOwned([third, fourth], [6, 6]);
  third.send({ order: 'stop' });
  await third.exited;
  await untilOwned([fourth], [12]);
  fourth.send({ order: 'stop' });
  await fourth.exited;

  const notes = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Note);
  notes.sort((one, other) => one.at - other.at);
  for (let shard = 0; shard < OF; shard += 1) {
    let owner: number | undefined;
    let last = 0n;
    let owners = 0;
    for (const { pid, what, token } of notes.filter((note) => note.shard === shard)) {
      if (what === 'begins') {
        // Its owner has ended it, or was killed; what a killed owner writes later has the wrong pid below.
        expect({ shard, isFree: owner === undefined || killed.has(owner) }).toEqual({ shard, isFree: true });
        owner = pid;
        owners += 1;
      } else {
        expect({ shard, what, pid }).toEqual({ shard, what, pid: owner });
      }
      if (what === 'ends') owner = undefined;
      if (what !== 'has') continue;
      expect(BigInt(token ?? 0)).toBeGreaterThan(last);
      last = BigInt(token ?? 0);
    }
    expect({ shard, owner, isMoved: owners > 1 }).toEqual({ shard, owner: undefined, isMoved: true });
  }
});
