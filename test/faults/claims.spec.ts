import { expect, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { testsTogether } from '../support/tests-together.js';
import { until } from '../support/until.js';
import { closeAfterTest } from './support/close-after-test.js';
import { describeWith } from './support/describe-with.js';
import { startFleet } from './support/fleet.js';
import { freeze } from './support/freeze.js';
import { startProxy } from './support/tcp-proxy.js';
import type { JobSpec } from './workers/job-spec.js';

jest.setTimeout(120_000);

const { database, it } = testsTogether();

const everySecond = (name: string, options: JobSpec['options'] = {}): JobSpec => ({
  name,
  schedule: '* * * * * *',
  runMs: 1,
  options,
});

/** Which instances have run the tick, in their order. */
const runsFor = async (job: string, tick: string): Promise<string[]> => {
  const rows = await database.query<{ instance: string }>(
    'SELECT instance FROM firing WHERE job = $1 AND tick = $2 AND ran ORDER BY started',
    [job, tick],
  );
  return rows.map(({ instance }) => instance);
};

const ranTwice = (): Promise<object[]> =>
  database.query('SELECT job, tick FROM firing WHERE ran GROUP BY job, tick HAVING count(*) > 1');

const required = (tick: string | undefined): string => {
  if (tick === undefined) throw new Error('The run had no tick.');
  return tick;
};

describeWith('libfaketime', 'the claim of a tick', () => {
  it('ends with a killed process: a later instance runs the tick again, or not, as configured', async () => {
    const { first, second, slow } = (
      await startFleet(database, {
        clocks: { first: 0, second: -100, slow: -4_000 },
        jobs: [everySecond('again'), everySecond('never', { onCrash: 'skip' })],
      })
    ).instances;
    const tick = required(await first.reported('ran', 'again'));
    await first.reported('ran', 'never', tick);
    await second.reported('skipped', 'again', tick);
    await second.reported('skipped', 'never', tick);
    first.worker.kill('SIGKILL');
    await first.worker.exited;

    await slow.reported('ran', 'again', tick);
    await slow.reported('skipped', 'never', tick);
    for (const instance of [second, slow]) await instance.stop();
    expect(await runsFor('again', tick)).toEqual(['first', 'slow']);
    expect(await runsFor('never', tick)).toEqual(['first']);
  });

  it('outlives a graceful shutdown right after the tick by clocks that are a little apart', async () => {
    const { first, second } = (
      await startFleet(database, { clocks: { first: 0, second: -250 }, jobs: [everySecond('report')] })
    ).instances;
    const tick = required(await first.reported('ran', 'report'));
    await first.stop();
    await second.reported('skipped', 'report', tick);
    await second.stop();
    expect(await ranTwice()).toEqual([]);
  });

  it('is too late, and the job does not run, after an outage that outlasts claims', async () => {
    const proxy = await closeAfterTest(startProxy(database.url));
    const { near, far } = (
      await startFleet(database, {
        clocks: { near: 0, far: 0 },
        jobs: [everySecond('report', { claimMs: 2_000 })],
        locksUrls: { far: proxy.url(database.url) },
      })
    ).instances;
    const hasFired = (): Promise<object[]> => database.query("SELECT FROM firing WHERE instance = 'far'");
    await until(async () => (await hasFired()).length > 0, 'the far one fires');
    proxy.silence();
    // For less than `lostAfterMs`: the connection stays, and the results are late.
    await sleep(4_000);
    proxy.resume();
    await until(() => far.worker.output.includes('ms late for'), 'it says so');
    for (const instance of [near, far]) await instance.stop();
    expect(await ranTwice()).toEqual([]);
  });

  it('may have expired when a frozen process fires: it does not run, and says so', async () => {
    const { awake, frozen } = (
      await startFleet(database, {
        clocks: { awake: 0, frozen: 200 },
        jobs: [{ name: 'report', schedule: '*/4 * * * * *', runMs: 1, options: { claimMs: 1_000 } }],
      })
    ).instances;
    const isTold = (): boolean => frozen.worker.output.includes('ms late for');
    for (let attempt = 0; attempt < 5 && !isTold(); attempt += 1) {
      await sleep(4_000 - (Date.now() % 4_000) - 500);
      const pause = await closeAfterTest(freeze(frozen.worker.pid));
      await sleep(2_500);
      pause.thaw();
      await sleep(200);
    }
    expect(isTold()).toBe(true);
    for (const instance of [awake, frozen]) await instance.stop();
    expect(await ranTwice()).toEqual([]);
    expect(await database.query('SELECT FROM firing WHERE ran')).not.toEqual([]);
  });
});
