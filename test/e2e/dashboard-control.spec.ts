import { beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  ADVISORY_LOCK_JOB_PAUSE_SQL,
  ADVISORY_LOCK_JOB_RUN_SQL,
  AdvisoryLockJobs,
  AdvisoryLockModule,
  ExclusiveCron,
  ExclusiveInterval,
} from 'nestjs-advisory-lock';
import { AdvisoryLockDashboardModule } from 'nestjs-advisory-lock/dashboard';
import type { JobDetails } from '../../lib/dashboard/server/job-details.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { lockedApp, type Platform, postgres, serve, type ServedApp, start } from './support/applications.js';
import { dashboardApp, OF_THE_PAGE, post, snapshotWhen } from './support/dashboards.js';
import { Gate } from './support/gate.js';

const database = useTestDatabase({ connectionsMayStay: true });

const NEW_YEAR = '0 0 1 1 *';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

@Injectable()
class Reports {
  /** What the job does. */
  body = (): Promise<void> => Promise.resolve();

  @ExclusiveCron(NEW_YEAR, { historyMs: DAY_MS, timeZone: 'UTC' })
  write(): Promise<void> {
    return this.body();
  }

  @ExclusiveInterval(HOUR_MS, { lock: 'tidy' })
  async tidy(): Promise<void> {}
}

const ALL = { public: true, allowControl: true, everyoneMayControl: true };
const withReports = { imports: [ScheduleModule.forRoot()], providers: [Reports] };
const ASKED = { job: 'Reports.write', reason: 'incident 7' };

async function detailsOf(url: string, name: string): Promise<JobDetails> {
  const response = await fetch(`${url}/job?name=${encodeURIComponent(name)}`);
  expect(response.status).toBe(200);
  return (await response.json()) as JobDetails;
}

async function resultOf(response: Promise<Response>): Promise<[status: number, body: unknown]> {
  const received = await response;
  return [received.status, await received.json()];
}

let tables: Promise<unknown> | undefined;
const createTables = () =>
  (tables ??= database.query(`${ADVISORY_LOCK_JOB_PAUSE_SQL}; ${ADVISORY_LOCK_JOB_RUN_SQL}`));

it('without its tables the dashboard shows no runs, and says what a pause needs', async () => {
  @Injectable()
  class Unrecorded {
    @ExclusiveCron(NEW_YEAR)
    async write(): Promise<void> {}
  }
  const metadata = { ...withReports, providers: [Unrecorded] };
  const { url } = await serve('express', dashboardApp(database, ALL, metadata));
  expect(await detailsOf(`${url}/locks`, 'Unrecorded.write')).toMatchObject({ isRecorded: false, runs: [] });
  const response = await post(`${url}/locks/pause`, { job: 'Unrecorded.write', reason: 'incident 7' });
  expect([response.status, await response.text()]).toEqual([422, expect.stringContaining('CREATE TABLE')]);
});

describe.each<Platform>(['express', 'fastify'])('the jobs of the dashboard on %s', (platform) => {
  let served: ServedApp;
  let url: string;

  beforeAll(async () => {
    await createTables();
    served = await serve(platform, dashboardApp(database, ALL, withReports));
    url = `${served.url}/locks`;
  });

  it('are paused and resumed, and the log says from where and why', async () => {
    const jobs = served.app.get(AdvisoryLockJobs);
    const end = new Date(Date.now() + HOUR_MS).toISOString();
    expect(await resultOf(post(`${url}/pause`, { ...ASKED, until: end }))).toEqual([200, {}]);
    const by = expect.stringMatching(/127\.0\.0\.1, through the dashboard of /);
    expect(await detailsOf(url, 'Reports.write')).toMatchObject({
      name: 'Reports.write',
      canControl: true,
      pause: { at: expect.any(String), by, reason: 'incident 7', until: end },
    });
    expect(await jobs.list()).toMatchObject([{ isPaused: true, pausedBy: by }, { isPaused: false }]);
    const { jobs: shown, canControl } = await snapshotWhen(url, ({ jobs }) =>
      jobs.some(({ isPaused }) => isPaused === true),
    );
    expect(canControl).toBe(true);
    expect(shown.map(({ name, isPaused = false }) => [name, isPaused])).toEqual([
      ['Reports.write', true],
      ['tidy', false],
    ]);
    expect(await resultOf(post(`${url}/resume`, { ...ASKED, reason: 'it is over' }))).toEqual([200, {}]);
    expect((await detailsOf(url, 'Reports.write')).pause).toBeUndefined();
    expect(await jobs.list()).toMatchObject([{ isPaused: false }, { isPaused: false }]);
    const from = '\\(through the dashboard, from .*127\\.0\\.0\\.1\\)$';
    expect(served.log.matching(/The job/)).toEqual([
      expect.stringMatching(`The job "Reports.write" was paused until ${end}: incident 7 ${from}`),
      expect.stringMatching(`was resumed: it is over ${from}`),
    ]);
  });

  it('show the next ticks, and the recorded runs with their durations', async () => {
    const reports = served.app.get(Reports);
    expect(await resultOf(post(`${url}/run`, ASKED))).toEqual([200, { end: 'done' }]);
    reports.body = () => Promise.reject(new Error('no paper'));
    expect(await resultOf(post(`${url}/run`, ASKED))).toEqual([200, { end: 'failed', message: 'no paper' }]);
    expect(served.log.matching(/no paper/)).toHaveLength(1);
    expect(served.log.matching(/The job "Reports.write" is run on demand: incident 7/)).toHaveLength(2);

    const { methods, runs } = await detailsOf(url, 'Reports.write');
    const year = new Date().getUTCFullYear();
    expect(methods).toEqual([
      {
        method: 'Reports.write',
        schedule: NEW_YEAR,
        nextAt: [1, 2, 3].map((years) => `${year + years}-01-01T00:00:00.000Z`),
      },
    ]);
    const run = { trigger: 'manual', attempt: 1, durationMs: expect.any(Number) };
    expect(runs.slice(0, 2)).toMatchObject([
      { ...run, state: 'failed', error: 'Error: no paper' },
      { ...run, state: 'done' },
    ]);
    const { isRecorded, runs: none, methods: tidy } = await detailsOf(url, 'tidy');
    expect([isRecorded, none, tidy[0]?.nextAt.length]).toEqual([false, [], 3]);
  });

  it('are not run while they run', async () => {
    const gate = new Gate();
    served.app.get(Reports).body = () => gate.pass();
    const first = resultOf(post(`${url}/run`, ASKED));
    await gate.reached;
    expect(await resultOf(post(`${url}/run`, ASKED))).toEqual([
      200,
      { end: 'busy', message: expect.stringContaining('Reports.write') },
    ]);
    expect((await detailsOf(url, 'Reports.write')).runs[0]).toMatchObject({ state: 'running' });
    gate.open();
    // On a machine that is busy enough, it is said to run still.
    expect(await first).toEqual([200, { end: expect.stringMatching(/^(done|running)$/) }]);
  });

  it.each<[string, string, unknown, number]>([
    ['pause', 'an unknown job', { ...ASKED, job: 'Reports.wrote' }, 404],
    ['resume', 'an unknown job', { ...ASKED, job: 'Reports.wrote' }, 404],
    ['run', 'an unknown job', { ...ASKED, job: 'Reports.wrote' }, 404],
    ['run', 'a job by its method', { ...ASKED, job: 'Reports.tidy' }, 404],
    ['pause', 'an end in the past', { ...ASKED, until: '2020-01-01T00:00:00Z' }, 422],
    ['pause', 'an end that is no instant', { ...ASKED, until: 'tomorrow' }, 400],
    ['pause', 'an end without a zone', { ...ASKED, until: '2040-01-01T00:00:00' }, 400],
    ['pause', 'an impossible end', { ...ASKED, until: '2040-13-01T00:00:00Z' }, 400],
    ['pause', 'an end that is null', { ...ASKED, until: null }, 400],
    ['resume', 'an end', { ...ASKED, until: '2040-01-01T00:00:00Z' }, 400],
    ['pause', 'no reason', { job: 'Reports.write' }, 400],
    ['resume', 'an empty reason', { ...ASKED, reason: ' ' }, 400],
    ['run', 'a reason of two lines', { ...ASKED, reason: 'why\nnot' }, 400],
    ['run', 'no job', { reason: 'why not' }, 400],
    ['run', 'a job without a name', { ...ASKED, job: '' }, 400],
    ['run', 'a list of jobs', { ...ASKED, job: ['Reports.write'] }, 400],
    ['run', 'more than is asked for', { ...ASKED, waitMs: 1 }, 400],
    ['pause', 'an object with a constructor of its own', { constructor: null }, 400],
    ['run', 'values with a constructor of their own', { ...ASKED, job: { constructor: null } }, 400],
    ['resume', 'a list', [ASKED], 400],
    ['pause', 'null', null, 400],
    ['run', 'no body', undefined, 400],
  ])('are not changed by a request to %s %s', async (action, _, body, status) => {
    expect((await post(`${url}/${action}`, body)).status).toBe(status);
  });

  it.each(['pause', 'resume', 'run'])('are not changed by other sites (%s)', async (action) => {
    for (const headers of [
      { 'content-type': 'application/json' },
      { ...OF_THE_PAGE, 'sec-fetch-site': 'cross-site' },
      { ...OF_THE_PAGE, origin: 'http://evil.example' },
    ]) {
      expect((await post(`${url}/${action}`, ASKED, headers)).status).toBe(403);
    }
    const ofForm = { ...OF_THE_PAGE, 'content-type': 'text/plain' };
    expect((await post(`${url}/${action}`, ASKED, ofForm)).status).toBe(400);
  });
});

it('a run that takes long is said to run, and goes on', async () => {
  await createTables();
  const { app, url } = await serve('express', dashboardApp(database, ALL, withReports));
  const gate = new Gate();
  app.get(Reports).body = () => gate.pass();
  expect(await resultOf(post(`${url}/locks/run`, ASKED))).toEqual([200, { end: 'running' }]);
  gate.open();
});

it('the dashboard of an instance without the job pauses and runs it in another', async () => {
  let runs = 0;

  @Injectable()
  class Invoices {
    @ExclusiveCron(NEW_YEAR, { historyMs: DAY_MS })
    async send(): Promise<void> {
      runs += 1;
      return Promise.resolve();
    }
  }
  await createTables();
  const { app } = await start(lockedApp(database, { ...withReports, providers: [Invoices] }));
  const { url } = await serve('express', dashboardApp(database, ALL));
  const asked = { ...ASKED, job: 'Invoices.send' };
  await snapshotWhen(`${url}/locks`, ({ jobs }) => jobs.some(({ name }) => name === asked.job));
  expect(await resultOf(post(`${url}/locks/pause`, asked))).toEqual([200, {}]);
  const jobs = app.get(AdvisoryLockJobs);
  await until(async () => (await jobs.list())[0]?.isPaused === true, 'the instance with the job is notified');
  expect(await resultOf(post(`${url}/locks/run`, asked))).toEqual([200, { end: 'done' }]);
  expect(runs).toBe(1);
  expect(await detailsOf(`${url}/locks`, asked.job)).toMatchObject({
    methods: [
      {
        method: 'Invoices.send',
        schedule: NEW_YEAR,
        nextAt: [`${new Date().getUTCFullYear() + 1}-01-01T00:00:00.000Z`],
      },
    ],
    pause: { reason: 'incident 7' },
    runs: [{ state: 'done', trigger: 'manual' }],
  });
  expect((await post(`${url}/locks/resume`, asked)).status).toBe(200);
});

it('jobs of the same name in another namespace are not mixed up with those of the dashboard', async () => {
  await createTables();
  const ofNamespace = (namespace: string) => ({
    imports: [postgres(database), AdvisoryLockModule.forRoot({ namespace }), ScheduleModule.forRoot()],
    providers: [Reports],
  });
  await start(ofNamespace('other'));
  const imports = [...ofNamespace('shop').imports, AdvisoryLockDashboardModule.forRoot(ALL)];
  const { url } = await serve('express', { imports, providers: [Reports] });
  const other = 'Reports.write (namespace other)';
  await snapshotWhen(`${url}/locks`, ({ jobs }) => jobs.some(({ name }) => name === other));
  expect(await resultOf(post(`${url}/locks/pause`, ASKED))).toEqual([200, {}]);
  const { jobs } = await snapshotWhen(`${url}/locks`, (seen) =>
    seen.jobs.some(({ isPaused }) => isPaused === true),
  );
  expect(jobs.filter(({ isPaused }) => isPaused === true).map(({ name }) => name)).toEqual(['Reports.write']);
  expect((await post(`${url}/locks/pause`, { ...ASKED, job: other })).status).toBe(404);
  expect((await post(`${url}/locks/resume`, ASKED)).status).toBe(200);
});

it('a job with characters that are unsafe to print is paused by the name that its page shows', async () => {
  @Injectable()
  class Bells {
    @ExclusiveCron(NEW_YEAR, { lock: 'ring\u0007' })
    async ring(): Promise<void> {}
  }
  await createTables();
  const { app, url } = await serve(
    'express',
    dashboardApp(database, ALL, { ...withReports, providers: [Bells] }),
  );
  const job = 'ring\uFFFD';
  expect(await resultOf(post(`${url}/locks/pause`, { ...ASKED, job }))).toEqual([200, {}]);
  expect(await detailsOf(`${url}/locks`, job)).toMatchObject({
    name: job,
    methods: [{ method: 'Bells.ring', nextAt: [expect.any(String), expect.any(String), expect.any(String)] }],
    pause: { reason: 'incident 7' },
  });
  const jobs = app.get(AdvisoryLockJobs);
  expect(await jobs.list()).toMatchObject([{ name: 'ring\u0007', isPaused: true }]);
  const past = jobs.pause('ring\u0007', { until: new Date(-8.64e15) });
  await expect(past).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
});

it('requires permission to pause and run jobs', async () => {
  await createTables();
  const { app, url } = await serve('express', dashboardApp(database, { public: true }, withReports));
  let runs = 0;
  app.get(Reports).body = () => {
    runs += 1;
    return Promise.resolve();
  };
  for (const action of ['pause', 'resume', 'run']) {
    const response = await post(`${url}/locks/${action}`, ASKED);
    expect([response.status, await response.text()]).toEqual([403, expect.stringContaining('allowControl')]);
  }
  expect(await detailsOf(`${url}/locks`, 'Reports.write')).toMatchObject({ canControl: false });
  expect((await app.get(AdvisoryLockJobs).list()).map(({ isPaused }) => isPaused)).toEqual([false, false]);
  expect(runs).toBe(0);
});
