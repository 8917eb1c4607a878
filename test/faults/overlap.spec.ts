import { beforeAll, expect, it, jest } from '@jest/globals';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { describeWith } from './support/describe-with.js';
import { startFleet } from './support/fleet.js';

interface Run {
  job: string;
  instance: string;
  tick: Date;
  started: Date;
  ended: Date;
}

jest.setTimeout(120_000);

const database = useTestDatabase();

const RUN_MS = 1_700;
const FORMS = ['skip', 'queue', 'elsewhere'] as const;

describeWith('libfaketime', 'a job that takes longer than its period', () => {
  let runs: Run[];
  const runsOf = (form: string): Run[] => runs.filter(({ job }) => job === form);
  const waitedMs = ({ started, tick }: Run): number => started.getTime() - tick.getTime();

  beforeAll(async () => {
    const jobs = FORMS.map((overlap) => ({
      name: overlap,
      schedule: '* * * * * *',
      runMs: RUN_MS,
      options: { overlap },
    }));
    const { instances } = await startFleet(database, { clocks: { early: 0, later: -850 }, jobs });
    const counts = (): Promise<{ runs: number }[]> =>
      database.query('SELECT count(*)::int AS runs FROM firing WHERE ended IS NOT NULL GROUP BY job');
    await until(
      async () => (await counts()).filter(({ runs: ofForm }) => ofForm > 3).length === FORMS.length,
      'each job has run often',
      60_000,
    );
    await Promise.all(Object.values(instances).map((instance) => instance.stop()));
    runs = await database.query<Run>('SELECT * FROM firing WHERE ran ORDER BY started');
  });

  it.each(FORMS)('never runs beside itself or twice for a tick with %s', (form) => {
    const ofForm = runsOf(form);
    expect(ofForm.length).toBeGreaterThan(2);
    expect(new Set(ofForm.map(({ tick }) => tick.getTime())).size).toBe(ofForm.length);
    expect(ofForm.filter(({ started }, index) => started < (ofForm[index - 1]?.ended ?? started))).toEqual(
      [],
    );
  });

  it('leaves ticks out with skip', () => {
    const ticks = runsOf('skip').map(({ tick }) => tick.getTime());
    const seconds = (Math.max(...ticks) - Math.min(...ticks)) / 1_000 + 1;
    expect(ticks.length).toBeLessThan(seconds);
  });

  it('waits for the run before with queue, for longer than half a period', () => {
    expect(Math.max(...runsOf('queue').map(waitedMs))).toBeGreaterThan(600);
  });

  it('runs with `elsewhere` in an instance whose clock reaches the tick after the previous run', () => {
    expect(runsOf('elsewhere').map(({ instance }) => instance)).toContain('later');
  });
});
