import { expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  ADVISORY_LOCK_JOB_PAUSE_SQL,
  AdvisoryLockJobs,
  EXCLUSIVE_CRON_RUN_SQL,
  ExclusiveCron,
} from 'nestjs-advisory-lock';
import { lockedApp, start } from '../e2e/support/applications.js';
import { defer } from '../support/cleanup.js';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { startProxy } from './support/tcp-proxy.js';

const database = useTestDatabase({ connectionsMayStay: true });

/** In this process the timer is off: the workers run the job. */
@Injectable()
class Control {
  @ExclusiveCron('* * * * * *', { lock: 'report', disabled: true })
  async report(): Promise<void> {}
}

const startControl = async (jobs: readonly (typeof Control)[]): Promise<AdvisoryLockJobs> => {
  const metadata = lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [...jobs] });
  return (await start(metadata)).app.get(AdvisoryLockJobs);
};

const startRecorder = (url: string): WorkerProcess =>
  startWorker(new URL('../e2e/workers/recorder.ts', import.meta.url), { env: { TEST_URL: url } });

const ready = (worker: WorkerProcess) =>
  worker.message<{ type?: string }>(({ type }) => type === 'ready', 60_000);

const count = async (where: string, ...values: unknown[]): Promise<number> =>
  (await database.query(`SELECT FROM sent WHERE ${where}`, values)).length;

const serverNow = async (): Promise<Date> => {
  const [row] = await database.query<{ now: Date }>('SELECT clock_timestamp() AS now');
  if (row === undefined) throw new Error('The server has no time.');
  return row.now;
};

it('no tick runs twice and no job stays paused through kill -9 and a partition', async () => {
  await database.query(`${ADVISORY_LOCK_JOB_PAUSE_SQL}; ${EXCLUSIVE_CRON_RUN_SQL};
    CREATE TABLE sent (tick_at timestamptz, pid int)`);
  const proxy = await startProxy(database.url);
  defer(() => proxy.close());
  const [one, other, cutOff] = [database.url, database.url, proxy.url(database.url)].map(startRecorder);
  for (const worker of [one, other, cutOff]) if (worker !== undefined) await ready(worker);
  const workers = [one, other, cutOff].filter((worker) => worker !== undefined);
  const jobs = await startControl([Control]);
  await until(async () => (await count('true')) > 2, 'three runs', 20_000);

  // One instance does not hear that the job is paused.
  proxy.silence();
  await jobs.pause('report', { reason: 'fault run' });
  const pausedAt = await serverNow();
  await until(async () => (await serverNow()).getTime() > pausedAt.getTime() + 2_000, 'two ticks');
  proxy.resume();

  // The instance that runs it on demand is killed: no other one runs it.
  const asking = await startControl([]);
  const triggered = asking.runNow('report').catch((error: unknown) => error);
  await until(async () => (await count('tick_at IS NULL')) > 0, 'a run on demand', 20_000);
  const [run] = await database.query<{ pid: number }>('SELECT pid FROM sent WHERE tick_at IS NULL');
  const killed = workers.find(({ pid }) => pid === run?.pid);
  killed?.kill('SIGKILL');
  expect(await triggered).toMatchObject({ code: 'LOCK_CONNECTION', lockName: 'report' });
  expect(await count('tick_at IS NULL')).toBe(1);
  // A tick that was due when the job was paused may just have begun.
  expect(await count('tick_at > $1', pausedAt)).toBe(0);

  // Another instance is killed, and one takes its place, while the job is resumed.
  const next = workers.find((worker) => worker !== killed);
  next?.kill('SIGKILL');
  const replacement = startRecorder(database.url);
  await Promise.all([ready(replacement), jobs.resume('report')]);
  const resumedAt = await serverNow();
  await until(async () => (await count('tick_at > $1', resumedAt)) > 2, 'three runs', 20_000);

  expect(await jobs.list()).toMatchObject([{ name: 'report', isPaused: false }]);
  expect(
    await database.query(
      'SELECT tick_at FROM sent WHERE tick_at IS NOT NULL GROUP BY tick_at HAVING count(*) > 1',
    ),
  ).toEqual([]);
}, 120_000);
