import { expect, it } from '@jest/globals';
import { LockConnectionError, type LockLog, SILENT_LOG } from '../../lib/core/index.js';
import { JobOutage } from '../../lib/jobs/run/job-outage.js';

it('an outage of many jobs is one line of ten names, and the next outage is another', () => {
  const lines: string[] = [];
  const add = (line: string): void => void lines.push(line);
  const log: LockLog = { ...SILENT_LOG, warn: add, log: add };
  const jobs = Array.from({ length: 12 }, (_, number) => `Jobs.n${number}`);
  const outage = new JobOutage(log, () => jobs);
  outage.end(performance.now());
  const calledBefore = performance.now() - 1;
  for (const job of jobs) outage.leaveOut(job, new LockConnectionError(new Error('ECONNREFUSED')));
  // A call that began before, and is late.
  outage.end(calledBefore);
  outage.end(performance.now());
  outage.leaveOut('Jobs.n0', new LockConnectionError(new Error('ECONNREFUSED')));
  outage.end(calledBefore);
  outage.end(performance.now());
  expect(lines).toEqual([
    expect.stringMatching(
      /^Ticks are left out .* of Jobs\.n0, .*Jobs\.n9 and 2 more\. No lock connection: .*ECONNREFUSED/,
    ),
    expect.stringMatching(/^Jobs run again: 12 ticks were left out here in \d+ ms$/),
    expect.stringMatching(/^Ticks are left out/),
    expect.stringMatching(/^Jobs run again: 1 tick was left out here in \d+ ms$/),
  ]);
});
