import { defer } from '../../support/cleanup.js';
import { startWorker } from '../../support/processes.js';
import type { TestDatabase } from '../../support/test-database.js';
import type { WorkerProcess } from '../../support/worker-process.js';
import type { FiringReport, JobSpec } from '../workers/job-spec.js';
import { FakeClock } from './fake-clock.js';

const START_MS = 60_000;

/** An application with jobs, in a process of its own and by a clock of its own. */
export interface Instance {
  readonly name: string;
  readonly worker: WorkerProcess;
  /** Steps its clock: what that is ahead of the fleet's from now on. */
  setClock(aheadMs: number): void;
  /**
   * Waits until the job has run for a tick, or was skipped; resolves to the tick. Without one, it is a tick
   * of a time when all instances had started all of their jobs.
   */
  reported(type: FiringReport['type'], job: string, tick?: string): Promise<string | undefined>;
  /** In good order, by itself. */
  stop(): Promise<void>;
}

export interface FleetOptions {
  /** By its name, what the clock of each instance is ahead of the fleet's, in milliseconds. */
  readonly clocks: Readonly<Record<string, number>>;
  readonly jobs: readonly JobSpec[];
  /** What the fleet's own clock says when the jobs start. Default: the time. */
  readonly startAt?: Date;
  /** Other ways to the database that instances take for their locks. */
  readonly locksUrls?: Readonly<Record<string, string>>;
}

export interface Fleet<Name extends string = string> {
  readonly instances: Readonly<Record<Name, Instance>>;
  /** What the fleet's clock is ahead of the server's, in milliseconds. */
  readonly aheadMs: number;
}

/**
 * Starts the instances of a fleet, which write their firings into the table `firing`. Resolves when they run.
 */
export async function startFleet<Name extends string>(
  database: TestDatabase,
  options: FleetOptions & { readonly clocks: Readonly<Record<Name, number>> },
): Promise<Fleet<Name>> {
  const { clocks, jobs, startAt, locksUrls = {} } = options;
  await database.query(`CREATE TABLE IF NOT EXISTS firing (
    id bigint GENERATED ALWAYS AS IDENTITY, job text, tick timestamptz, late int, instance text, ran boolean,
    started timestamptz DEFAULT clock_timestamp(), ended timestamptz)`);
  defer(() => database.query('DROP TABLE firing'));
  const starting = Object.entries<number>(clocks).map(([name, clockMs]) => {
    const clock = new FakeClock();
    const worker = startWorker(new URL('../workers/instance.ts', import.meta.url), {
      env: {
        ...clock.env,
        TEST_URL: database.url,
        TEST_JOBS: JSON.stringify(jobs),
        TEST_INSTANCE: name,
        ...(locksUrls[name] !== undefined && { TEST_LOCKS_URL: locksUrls[name] }),
      },
    });
    return { name, clock, clockMs, worker };
  });
  for (const { worker } of starting) await messageOf(worker, 'loaded');
  const aheadMs = startAt === undefined ? 0 : startAt.getTime() - Date.now();
  for (const { clock, clockMs, worker } of starting) {
    clock.set(aheadMs + clockMs);
    worker.send({ type: 'go' });
  }
  for (const { worker } of starting) await messageOf(worker, 'started');
  const startedAt = new Date(Date.now() + aheadMs).toISOString();
  const instances = starting.map(({ name, clock, worker }): [string, Instance] => [
    name,
    {
      name,
      worker,
      setClock: (ms) => {
        clock.set(aheadMs + ms);
      },
      reported: async (type, job, tick) => {
        const isMeant = (report: FiringReport): boolean =>
          report.type === type &&
          report.job === job &&
          (tick === undefined ? (report.tick ?? '') > startedAt : report.tick === tick);
        return (await worker.message<FiringReport>(isMeant, START_MS)).tick;
      },
      stop: async () => {
        worker.send({ type: 'stop' });
        const { code, signal } = await worker.exited;
        if (code !== 0) throw new Error(`${name} ended with ${String(code ?? signal)}: ${worker.output}`);
      },
    },
  ]);
  return { instances: Object.fromEntries(instances) as Record<Name, Instance>, aheadMs };
}

async function messageOf(worker: WorkerProcess, type: string): Promise<void> {
  await worker.message<{ type: string }>((message) => message.type === type, START_MS);
}
