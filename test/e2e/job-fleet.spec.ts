import { expect, it } from '@jest/globals';
import { ADVISORY_LOCK_JOB_PAUSE_SQL, AdvisoryLockJobs, EXCLUSIVE_CRON_RUN_SQL } from 'nestjs-advisory-lock';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { serve } from './support/applications.js';
import { startCli } from './support/cli-process.js';
import { dashboardApp, post, snapshotWhen } from './support/dashboards.js';

const database = useTestDatabase({ connectionsMayStay: true });

/** By how much the clocks of the instances are wrong. */
const CLOCKS_MS = [0, 450, -450];

/** A tick comes so much before or after its time at most, in milliseconds. */
const BESIDE_MS = 500;

async function startFleet(): Promise<WorkerProcess[]> {
  const fleet = CLOCKS_MS.map((clockMs) =>
    startWorker(new URL('./workers/recorder.ts', import.meta.url), {
      env: { TEST_URL: database.url, TEST_CLOCK_MS: String(clockMs), TEST_MANUAL_MS: '0' },
    }),
  );
  for (const worker of fleet) await worker.message<{ type?: string }>(({ type }) => type === 'ready');
  return fleet;
}

async function end(fleet: readonly WorkerProcess[]): Promise<void> {
  for (const worker of fleet) worker.kill('SIGTERM');
  await Promise.all(fleet.map(({ exited }) => exited));
}

const cli = async (...args: string[]): Promise<void> => {
  const ended = await startCli(args, { DATABASE_URL: database.url }).outcome;
  expect(ended).toMatchObject({ status: 0, stderr: '' });
};

async function serverMs(): Promise<number> {
  const [row] = await database.query<{ now: Date }>('SELECT clock_timestamp() AS now');
  return Number(row?.now);
}

const count = async (where: string, ...values: unknown[]): Promise<number> =>
  (await database.query(`SELECT FROM sent WHERE ${where}`, values)).length;

/** How many ticks between have run. */
const runsBetween = (fromMs: number, untilMs: number): Promise<number> =>
  count('tick_at > $1 AND tick_at < $2', new Date(fromMs + BESIDE_MS), new Date(untilMs - BESIDE_MS));

async function runs(): Promise<void> {
  const since = new Date((await serverMs()) + BESIDE_MS);
  await until(async () => (await count('tick_at > $1', since)) > 1, 'two runs', 20_000);
}

it('a fleet with clocks apart is paused, replaced, resumed and triggered by all means', async () => {
  await database.query(`${ADVISORY_LOCK_JOB_PAUSE_SQL}; ${EXCLUSIVE_CRON_RUN_SQL};
    CREATE TABLE sent (tick_at timestamptz, pid int)`);
  const options = { public: true, allowControl: true, everyoneMayControl: true };
  const { app, url } = await serve('express', dashboardApp(database, options));
  const jobs = app.get(AdvisoryLockJobs);
  const asked = { job: 'report', reason: 'deployment' };
  const onDashboard = async (action: string): Promise<unknown> => {
    const response = await post(`${url}/locks/${action}`, asked);
    expect(response.status).toBe(200);
    return response.json();
  };
  const old = await startFleet();
  await runs();

  // It is paused by the command line, replaced as a whole, and resumed by the service.
  await cli('pause', 'report', '--within', '20s');
  const pausedMs = await serverMs();
  await startFleet();
  await end(old);
  await snapshotWhen(`${url}/locks`, ({ jobs: shown }) => shown.some(({ isPaused }) => isPaused === true));
  await jobs.runNow('report');
  await cli('trigger', 'report', '--within', '20s');
  expect(await onDashboard('run')).toEqual({ end: 'done' });
  expect(await count('tick_at IS NULL')).toBe(3);
  const resumedMs = await serverMs();
  await jobs.resume('report');
  await runs();

  // It is paused on the dashboard, and resumed by the command line.
  await onDashboard('pause');
  const pausedAgainMs = await serverMs();
  await until(async () => (await serverMs()) > pausedAgainMs + 3_000, 'three ticks');
  const resumedAgainMs = await serverMs();
  await cli('resume', 'report');
  await runs();

  expect(await runsBetween(pausedMs, resumedMs)).toBe(0);
  expect(await runsBetween(pausedAgainMs, resumedAgainMs)).toBe(0);
  expect(await count('tick_at IS NULL')).toBe(3);
  const twice = 'SELECT tick_at FROM sent WHERE tick_at IS NOT NULL GROUP BY tick_at HAVING count(*) > 1';
  expect(await database.query(twice)).toEqual([]);
}, 120_000);
