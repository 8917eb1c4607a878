import { beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import type { TestingModule } from '@nestjs/testing';
import {
  ADVISORY_LOCK_JOB_PAUSE_SQL,
  AdvisoryLockInspector,
  AdvisoryLockJobs,
  AdvisoryLockModule,
  ExclusiveCron,
} from 'nestjs-advisory-lock';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { postgres, start } from './support/applications.js';
import { type CliOutcome, startCli } from './support/cli-process.js';
import { Gate } from './support/gate.js';

const database = useTestDatabase({ connectionsMayStay: true });

const NEVER = '0 0 29 2 *';
// It waits for as long as it takes, as all of the fleet report.
const patiently = ['--within', '20s'];

const run = (...args: string[]): Promise<CliOutcome> =>
  startCli([...args, '--namespace', 'shop'], { DATABASE_URL: database.url }).outcome;

describe('jobs, pause and resume', () => {
  beforeAll(() => database.query(ADVISORY_LOCK_JOB_PAUSE_SQL));

  it('pause no job while no instance responds, unless that is forced', async () => {
    const none = await run('pause', 'Reports.write');
    expect(none).toMatchObject({ status: 68, stdout: '', stderr: expect.stringContaining('--force') });
    const unasked = await run('pause', 'Reports.write', '--within', '0');
    expect(unasked).toMatchObject({ status: 68, stderr: expect.stringContaining('--within') });
    expect(await database.query('SELECT FROM advisory_lock_job_pause')).toEqual([]);

    const forced = await run('pause', 'Reports.write', '--force');
    expect(forced).toEqual({ status: 0, stdout: '"Reports.write" is paused.\n', stderr: '' });
    expect(await run('resume', 'Reports.write')).toMatchObject({ status: 0 });
  });

  it('pause and resume a job of the fleet, and show it', async () => {
    @Injectable()
    class Reports {
      @ExclusiveCron(NEVER)
      async write(): Promise<void> {}
    }
    const { app } = await start({
      imports: [
        postgres(database),
        AdvisoryLockModule.forRoot({ namespace: 'shop', instanceName: 'web-1' }),
        ScheduleModule.forRoot(),
      ],
      providers: [Reports],
    });
    const jobs = app.get(AdvisoryLockJobs);
    expect(await jobs.list()).toMatchObject([{ isPaused: false }]);

    const paused = await run('pause', 'Reports.write', '--reason', 'tidy', ...patiently);
    expect(paused).toEqual({ status: 0, stdout: '"Reports.write" is paused.\n', stderr: '' });
    expect(await jobs.list()).toMatchObject([{ isPaused: true, reason: 'tidy' }]);

    const unknown = await run('pause', 'Reports.wrote', ...patiently);
    expect(unknown).toMatchObject({ status: 1, stderr: expect.stringContaining('No instance has a job') });

    const elsewhere = ['pause', 'Reports.write', '--namespace', 'other', ...patiently];
    const ofOther = await startCli(elsewhere, { DATABASE_URL: database.url }).outcome;
    expect(ofOther).toMatchObject({ status: 1, stderr: expect.stringContaining('another `--namespace`') });
    for (const end of ['45', '2027', '2077-02-30T01:30Z'])
      expect(await run('pause', 'Reports.write', '--until', end)).toMatchObject({ status: 64 });

    const { stdout } = await run('jobs', ...patiently);
    expect(stdout).toMatch(/^JOB +SCHEDULE +INSTANCES +PAUSED .*\n/);
    expect(stdout).toMatch(/\nReports\.write +0 0 29 2 \* +1 +since .* tidy\n$/);

    expect(await run('resume', 'Reports.write')).toMatchObject({ status: 0 });
    expect(await jobs.list()).toMatchObject([{ isPaused: false }]);
    const otherTable = await run('resume', 'Reports.write', '--table', 'other.pauses');
    expect(otherTable).toMatchObject({ status: 64, stderr: expect.stringContaining('--table') });
  });
});

describe('trigger', () => {
  it('runs a job in an instance that has it, and exits as that ended', async () => {
    const gate = new Gate();
    let runs = 0;

    @Injectable()
    class Reports {
      @ExclusiveCron(NEVER)
      async write(): Promise<void> {
        runs += 1;
        return Promise.resolve();
      }

      @ExclusiveCron(NEVER)
      async fail(): Promise<void> {
        return Promise.reject(new Error('no paper'));
      }

      @ExclusiveCron(NEVER)
      async send(): Promise<void> {
        await gate.pass();
      }
    }
    const { app } = await start({
      imports: [
        postgres(database),
        AdvisoryLockModule.forRoot({ namespace: 'shop', instanceName: 'web-1' }),
        ScheduleModule.forRoot(),
      ],
      providers: [Reports],
    });
    expect(await app.get(AdvisoryLockJobs).list()).toHaveLength(3);
    const done = await run('trigger', 'Reports.write', '--within', '20s');
    expect(done).toEqual({ status: 0, stdout: '"Reports.write" has run in web-1.\n', stderr: '' });
    expect(runs).toBe(1);

    const failed = await run('trigger', 'Reports.fail', '--within', '20s');
    expect(failed).toMatchObject({
      status: 1,
      stderr: 'nestjs-advisory-lock: "Reports.fail" failed in web-1: no paper\n',
    });

    const sending = app.get(AdvisoryLockJobs).runNow('Reports.send');
    await gate.reached;
    const busy = await run('trigger', 'Reports.send', '--within', '20s');
    expect(busy).toMatchObject({ status: 75, stderr: expect.stringContaining('was not started') });
    const waiting = run('trigger', 'Reports.send', '--within', '20s', '--wait', 'forever');
    await until(() => isWaitedFor(app), 'it waits');
    gate.open();
    await sending;
    expect(await waiting).toMatchObject({ status: 0 });

    const unknown = await run('trigger', 'Reports.wrote', '--within', '1s');
    expect(unknown).toMatchObject({ status: 68, stderr: expect.stringContaining('No instance may run') });
    expect(await run('trigger')).toMatchObject({ status: 64 });
  });
});

async function isWaitedFor(app: TestingModule): Promise<boolean> {
  const { reports } = await app.get(AdvisoryLockInspector).fleet({ withinMs: 0 });
  return reports.some(({ locks }) => locks.some(({ waiters = 0 }) => waiters > 0));
}
