import { expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  ADVISORY_LOCK_JOB_PAUSE_SQL,
  AdvisoryLockJobs,
  EXCLUSIVE_CRON_RUN_SQL,
  ExclusiveCron,
} from 'nestjs-advisory-lock';
import type { QueryResultRow } from 'pg';
import { lockedApp, start } from '../e2e/support/applications.js';
import { withClient } from '../support/admin.js';
import { defer } from '../support/cleanup.js';
import { startWorker } from '../support/processes.js';
import { type TestDatabase, useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { closeAfterTest } from './support/close-after-test.js';
import { catchUp, startPrimary, startStandby } from './support/postgres-cluster.js';
import { startProxy } from './support/tcp-proxy.js';

const database = useTestDatabase({ connectionsMayStay: true });

/** In this process the timer is off: the workers run the job. */
@Injectable()
class Control {
  @ExclusiveCron('* * * * * *', { lock: 'report', disabled: true })
  async report(): Promise<void> {}
}

const startControl = async (
  jobs: readonly (typeof Control)[],
  url = database.url,
): Promise<AdvisoryLockJobs> => {
  const metadata = lockedApp(
    { ...database, url },
    { imports: [ScheduleModule.forRoot()], providers: [...jobs] },
  );
  return (await start(metadata)).app.get(AdvisoryLockJobs);
};

const startRecorder = (url: string): WorkerProcess =>
  startWorker(new URL('../e2e/workers/recorder.ts', import.meta.url), { env: { TEST_URL: url } });

const ready = (worker: WorkerProcess) =>
  worker.message<{ type?: string }>(({ type }) => type === 'ready', 60_000);

/** The table of what has run. */
class Sent {
  constructor(private readonly server: Pick<TestDatabase, 'query'>) {}

  async count(where: string, ...values: unknown[]): Promise<number> {
    return (await this.server.query(`SELECT FROM sent WHERE ${where}`, values)).length;
  }

  twice(): Promise<unknown[]> {
    return this.server.query(
      'SELECT tick_at FROM sent WHERE tick_at IS NOT NULL GROUP BY tick_at HAVING count(*) > 1',
    );
  }

  async serverNow(): Promise<Date> {
    const [row] = await this.server.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    if (row === undefined) throw new Error('The server has no time.');
    return row.now;
  }

  /** By the clock of the server. */
  async twoTicksAfter(instant: Date): Promise<void> {
    await until(async () => (await this.serverNow()).getTime() > instant.getTime() + 2_000, 'two ticks');
  }
}

const TABLES = `${ADVISORY_LOCK_JOB_PAUSE_SQL}; ${EXCLUSIVE_CRON_RUN_SQL};
  CREATE TABLE sent (tick_at timestamptz, pid int)`;

it('no tick runs twice and no job stays paused through kill -9 and a partition', async () => {
  const sent = new Sent(database);
  await database.query(TABLES);
  const proxy = await startProxy(database.url);
  defer(() => proxy.close());
  const [one, other, cutOff] = [database.url, database.url, proxy.url(database.url)].map(startRecorder);
  for (const worker of [one, other, cutOff]) if (worker !== undefined) await ready(worker);
  const workers = [one, other, cutOff].filter((worker) => worker !== undefined);
  const jobs = await startControl([Control]);
  await until(async () => (await sent.count('true')) > 2, 'three runs', 20_000);

  // One instance does not hear that the job is paused.
  proxy.silence();
  await jobs.pause('report', { reason: 'fault run' });
  const pausedAt = await sent.serverNow();
  await sent.twoTicksAfter(pausedAt);
  proxy.resume();

  // The instance that runs it on demand is killed: no other one runs it.
  const asking = await startControl([]);
  const triggered = asking.runNow('report').catch((error: unknown) => error);
  await until(async () => (await sent.count('tick_at IS NULL')) > 0, 'a run on demand', 20_000);
  const [run] = await database.query<{ pid: number }>('SELECT pid FROM sent WHERE tick_at IS NULL');
  const killed = workers.find(({ pid }) => pid === run?.pid);
  killed?.kill('SIGKILL');
  expect(await triggered).toMatchObject({ code: 'LOCK_CONNECTION', lockName: 'report' });
  expect(await sent.count('tick_at IS NULL')).toBe(1);
  // A tick that was due when the job was paused may just have begun.
  expect(await sent.count('tick_at > $1', pausedAt)).toBe(0);

  // Another instance is killed, and one takes its place, while the job is resumed.
  const next = workers.find((worker) => worker !== killed);
  next?.kill('SIGKILL');
  const replacement = startRecorder(database.url);
  await Promise.all([ready(replacement), jobs.resume('report')]);
  const resumedAt = await sent.serverNow();
  await until(async () => (await sent.count('tick_at > $1', resumedAt)) > 2, 'three runs', 20_000);

  expect(await jobs.list()).toMatchObject([{ name: 'report', isPaused: false }]);
  expect(await sent.twice()).toEqual([]);
}, 120_000);

it('no tick runs twice and no job stays paused through a failover', async () => {
  const primary = await closeAfterTest(startPrimary());
  const standby = await closeAfterTest(startStandby(primary));
  let node = primary;
  const server: Pick<TestDatabase, 'query'> = {
    query: <Row extends QueryResultRow>(sql: string, values?: unknown[]) =>
      withClient(node.socketUrl, async (client) => (await client.query<Row>(sql, values)).rows),
  };
  const sent = new Sent(server);
  await server.query(TABLES);
  // With asynchronous replication the last commits may be lost, those of records and pauses included.
  await server.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
  await server.query('SELECT pg_reload_conf()');
  const proxy = await closeAfterTest(startProxy(primary.url));
  const url = proxy.url(primary.url);
  const workers = [startRecorder(url), startRecorder(url)];
  for (const worker of workers) await ready(worker);
  const jobs = await startControl([Control], url);
  await until(async () => (await sent.count('true')) > 2, 'three runs', 20_000);

  // The primary crashes during a run on demand, and while the job is paused.
  const asking = await startControl([], url);
  // It waits, as the run of a tick may be under way.
  const triggered = asking.runNow('report', { waitMs: 20_000 }).catch((error: unknown) => error);
  await until(async () => (await sent.count('tick_at IS NULL')) > 0, 'a run on demand', 30_000);
  await catchUp(primary, standby);
  const pausing = jobs.pause('report', { reason: 'fault run' }).then(
    () => true,
    () => false,
  );
  await primary.crash();
  await standby.promote();
  node = standby;
  proxy.target = standby.url;
  expect(await triggered).toMatchObject({ code: 'LOCK_CONNECTION', lockName: 'report' });

  // A pause that was confirmed is kept. Calling it again is safe.
  const isConfirmed = await pausing;
  const isPaused = async (): Promise<boolean | undefined> =>
    (await jobs.list().catch(() => [])).at(0)?.isPaused;
  await until(async () => (await isPaused()) !== undefined, 'the new primary', 20_000);
  expect((await isPaused()) === true || !isConfirmed).toBe(true);
  await jobs.pause('report', { reason: 'fault run' });
  const pausedAt = await sent.serverNow();
  const connected = 'SELECT FROM pg_stat_activity WHERE application_name LIKE $1';
  for (const { pid } of workers)
    await until(async () => (await server.query(connected, [`%:${pid}`])).length > 0, 'all are back', 20_000);
  await sent.twoTicksAfter(await sent.serverNow());
  // A tick that was due when the job was paused may just have begun.
  expect(await sent.count('tick_at > $1', pausedAt)).toBe(0);

  await jobs.resume('report');
  const resumedAt = await sent.serverNow();
  await until(async () => (await sent.count('tick_at > $1', resumedAt)) > 2, 'three runs', 20_000);
  expect(await isPaused()).toBe(false);
  expect(await sent.count('tick_at IS NULL')).toBe(1);
  expect(await sent.twice()).toEqual([]);
}, 120_000);
