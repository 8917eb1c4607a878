import { expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { useTestDatabase } from '../support/test-database.js';
import { describeWith } from './support/describe-with.js';
import { startFleet } from './support/fleet.js';
import type { JobSpec } from './workers/job-spec.js';

/** For a long run: for how many ticks the jobs fire. The number of claims grows for three of them. */
const TICKS = Number(process.env.JOBS_TICKS ?? 14);
const JOBS = 50;
const CLAIM_SECONDS = 3;
const MAX_CONNECTIONS = 4;

const jobs: JobSpec[] = Array.from({ length: JOBS }, (_, number) => ({
  name: `job ${String(number)}`,
  schedule: '* * * * * *',
  runMs: 1,
  // A claim that its losers remember costs a lock in each instance.
  options: { claimMs: CLAIM_SECONDS * 1_000, onCrash: number % 10 === 0 ? 'skip' : 'rerun' },
  isQuiet: true,
}));
const clocks = { one: 0, two: 300, three: -700 };
const REMEMBERED = JOBS / 10;
const INSTANCES = Object.keys(clocks).length;

interface Sample {
  seconds: number;
  locks: number;
  connections: number;
  ticks: number;
}

jest.setTimeout(TICKS * 5_000 + 120_000);

const database = useTestDatabase();

describeWith('libfaketime', 'a fleet that fires 50 jobs each second', () => {
  it('holds a bounded number of locks and connections, however long it runs', async () => {
    const { instances } = await startFleet(database, { clocks, jobs });
    const startedAt = performance.now();
    const samples: Sample[] = [];
    while ((samples.at(-1)?.ticks ?? 0) < TICKS * JOBS) {
      await sleep(500);
      const locks = await database.advisoryLocks();
      const connections = await database.connections();
      const [row] = await database.query<{ ticks: number }>(
        'SELECT count(*)::int AS ticks FROM firing WHERE ran',
      );
      samples.push({
        seconds: Math.round((performance.now() - startedAt) / 1_000),
        locks: locks.length,
        connections: connections.filter(({ applicationName }) =>
          applicationName.startsWith('nestjs-advisory-lock '),
        ).length,
        ticks: row?.ticks ?? 0,
      });
    }
    await Promise.all(Object.values(instances).map((instance) => instance.stop()));
    report(samples);

    // One claim a job and second, one more in each instance where it is remembered, for as long as
    // claims are kept; timers are late on a busy machine. And a lock for each run. If claims did
    // not end there would be twice as many again.
    const claimsPerTick = JOBS + REMEMBERED * INSTANCES;
    const most = (claimsPerTick * CLAIM_SECONDS + JOBS) * 2;
    expect(most).toBeLessThan(claimsPerTick * TICKS * 0.7);
    expect(Math.max(...samples.map(({ locks }) => locks))).toBeLessThan(most);
    expect(Math.max(...samples.map(({ connections }) => connections))).toBeLessThanOrEqual(
      INSTANCES * MAX_CONNECTIONS,
    );
    expect(
      await database.query('SELECT job, tick FROM firing GROUP BY job, tick HAVING count(*) > 1'),
    ).toEqual([]);
  });
});

/** Some twenty lines, and the extremes after the claims of the start have expired. */
function report(samples: Sample[]): void {
  const settled = samples.filter(({ seconds }) => seconds > CLAIM_SECONDS + 5);
  const range = (numbers: number[]): string =>
    `${String(Math.min(...numbers))}–${String(Math.max(...numbers))}`;
  const lines = samples
    .filter((_, index) => index % Math.ceil(samples.length / 20) === 0)
    .map(({ seconds, locks, connections, ticks }) =>
      [seconds, locks, connections, ticks].map((number) => String(number).padStart(12)).join(''),
    );
  if (settled.length > 0) {
    const of = (name: keyof Sample): string => range(settled.map((sample) => sample[name])).padStart(12);
    lines.push(`${'settled'.padStart(12)}${of('locks')}${of('connections')}${of('ticks')}`);
  }
  const head = ['seconds', 'locks', 'connections', 'runs'].map((name) => name.padStart(12)).join('');
  process.stderr.write(`${[head, ...lines].join('\n')}\n`);
}
