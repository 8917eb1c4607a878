import { describe, expect, it } from '@jest/globals';
import { AdvisoryLockCronHistory, EXCLUSIVE_CRON_RUN_SQL } from 'nestjs-advisory-lock';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import type { WorkerProcess } from '../support/worker-process.js';

const database = useTestDatabase();

/**
 * For long runs: how many are killed, and how one run a tick is made sure of; with `claim` it has to fail.
 */
const { RECORD_KILLS, RECORD_TICK = 'record' } = process.env;
const KILLS = Number(RECORD_KILLS ?? 5);

/** By how much their clocks are wrong, in milliseconds: a tick fires again and again within 900 ms. */
const CLOCKS_MS: readonly number[] = [0, 450, -450, 200];

interface Instance {
  readonly clockMs: number;
  readonly worker: WorkerProcess;
}

function startInstance(clockMs: number): Instance {
  const worker = startWorker(new URL('./workers/recorder.ts', import.meta.url), {
    env: {
      TEST_URL: database.url,
      TEST_TICK: RECORD_TICK,
      TEST_CLOCK_MS: String(clockMs),
      TEST_JOB_MS: '200',
    },
  });
  return { clockMs, worker };
}

async function kill(instance: Instance | undefined): Promise<void> {
  instance?.worker.kill('SIGKILL');
  await instance?.worker.exited;
}

/** Waits for the next run of any instance, and resolves to that instance. */
async function nextRunner(): Promise<number> {
  const newest = async () =>
    (
      await database.query<{ id: number; pid: number }>('SELECT id, pid FROM sent ORDER BY id DESC LIMIT 1')
    )[0];
  const before = await newest();
  let run = before;
  await until(async () => (run = await newest())?.id !== before?.id, 'a run', 60_000);
  return run?.pid ?? 0;
}

describe('a fleet whose clocks are wrong, and whose runners are killed at any moment', () => {
  it(
    'runs each tick at most once',
    async () => {
      await database.query(EXCLUSIVE_CRON_RUN_SQL);
      await database.query('CREATE TABLE sent (id serial, tick_at timestamptz, pid int)');
      const fleet = CLOCKS_MS.map(startInstance);
      const isReady = ({ type }: { type?: string }): boolean => type === 'ready';
      await Promise.all(fleet.map(({ worker }) => worker.message(isReady, 60_000)));

      for (let kills = 1; kills <= KILLS; kills += 1) {
        const pid = await nextRunner();
        // In the middle of its run, soon after it, or before the next.
        await sleep(Math.random() * 300);
        const place = fleet.findIndex(({ worker }) => worker.pid === pid);
        const [dead] = fleet.splice(place, 1);
        await kill(dead);
        const isNeeded = dead !== undefined && KILLS - kills >= fleet.length;
        if (isNeeded) fleet.push(startInstance(dead.clockMs));
      }
      await nextRunner();
      await Promise.all(fleet.map(kill));

      const sent = await database.query<{ tick: string; runs: number }>(
        'SELECT tick_at::text AS tick, count(*)::int AS runs FROM sent GROUP BY tick_at ORDER BY tick_at',
      );
      expect(sent.filter(({ runs }) => runs !== 1)).toEqual([]);
      expect(sent.length).toBeGreaterThan(KILLS / 2);

      const { service } = createLocks(database.url, {}, await openDataSource(database.url));
      const history = await new AdvisoryLockCronHistory(service).runs('report', { limit: 10_000 });
      const ofState = (wanted: string) => history.filter(({ state }) => state === wanted).length;
      expect(ofState('done') + ofState('died')).toBe(history.length);
      // An instance that died between the row and the body has a row only.
      expect(history.length).toBeGreaterThanOrEqual(sent.length);
      if (RECORD_KILLS !== undefined)
        console.log(`${sent.length} ticks, ${KILLS} killed, ${ofState('died')} of them in a run`);
    },
    120_000 + KILLS * 10_000,
  );
});
