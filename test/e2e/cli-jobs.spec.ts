import { beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  ADVISORY_LOCK_JOB_PAUSE_SQL,
  AdvisoryLockJobs,
  AdvisoryLockModule,
  ExclusiveCron,
} from 'nestjs-advisory-lock';
import { useTestDatabase } from '../support/test-database.js';
import { postgres, start } from './support/applications.js';
import { type CliOutcome, startCli } from './support/cli-process.js';

const database = useTestDatabase({ connectionsMayStay: true });

const NEVER = '0 0 29 2 *';
const patiently = ['--within', '3s'];

const run = (...args: string[]): Promise<CliOutcome> =>
  startCli([...args, '--namespace', 'shop'], { DATABASE_URL: database.url }).outcome;

describe('jobs, pause and resume', () => {
  beforeAll(() => database.query(ADVISORY_LOCK_JOB_PAUSE_SQL));

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

    const { stdout } = await run('jobs', ...patiently);
    expect(stdout).toMatch(/^JOB +SCHEDULE +INSTANCES +PAUSED .*\n/);
    expect(stdout).toMatch(/\nReports\.write +0 0 29 2 \* +1 +since .* tidy\n$/);

    expect(await run('resume', 'Reports.write')).toMatchObject({ status: 0 });
    expect(await jobs.list()).toMatchObject([{ isPaused: false }]);
    const elsewhere = await run('resume', 'Reports.write', '--table', 'other.pauses');
    expect(elsewhere).toMatchObject({ status: 64, stderr: expect.stringContaining('--table') });
  });
});
