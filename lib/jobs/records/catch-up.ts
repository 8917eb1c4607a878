import { setTimeout as sleep } from 'node:timers/promises';
import { type AdvisoryLock, describeNames, type LockName, LockShutdownError } from '../../core/index.js';
import { spansOf } from '../control/job-pauses.js';
import type { JobRuntime } from '../job-runtime.js';
import { logFailure } from '../run/log-failure.js';
import type { Firing } from '../schedule/firing.js';
import { callFor } from '../schedule/given-firing.js';
import { type CronJob, findCronJob } from '../schedule/scheduler.js';
import { Ticks } from '../schedule/ticks.js';
import { type RecordOptions, retainMsOf } from './record.options.js';

/** A job catches up at most this many ticks. */
const MAX_TICKS = 100;

/**
 * How often to check, in milliseconds, whether the scheduler has started the job, which it does when its own
 * module starts, and whether the job's leadership is here: neither is reported.
 */
const RECHECK_MS = 100;

/** A job that may have missed ticks. */
export interface RecordedJob {
  /** The name of its lock. */
  readonly name: LockName;
  /** Identifies its timer. */
  readonly mark: object;
  readonly options: RecordOptions;
  /** The leadership under which it runs. */
  readonly leader?: LockName | undefined;
  readonly call: () => Promise<unknown>;
}

/**
 * The instant after which ticks of the job have been missed; `undefined` when none have. Call it before the
 * timers start: the first run hides the ticks before it.
 *
 * A tick that falls due during a run is left out, not missed: it counts as run.
 */
export async function missedAfter(
  { records }: JobRuntime,
  { name, options: { catchUp: wanted = 'none' } }: RecordedJob,
): Promise<number | undefined> {
  if (wanted === 'none') return undefined;
  const [last] = await records.newest(name, 1);
  if (last === undefined) return undefined;
  const { atMs, startedMs, endedMs } = last;
  if (endedMs !== null) return atMs + Math.max(0, endedMs - startedMs);
  return (await records.isRunning(name, atMs)) ? undefined : atMs;
}

/** Waits for the job's timer, and runs the ticks that were missed after that instant. Never rejects. */
export async function catchUp(runtime: JobRuntime, job: RecordedJob, afterMs: number): Promise<void> {
  try {
    if (runtime.schedulers.length === 0) return;
    const cronJob = await forthcoming(runtime, () => startedJob(runtime, job.mark));
    if (cronJob === undefined) return;
    const now = Date.now();
    const max = job.options.catchUp === 'last' ? 1 : MAX_TICKS;
    const fromMs = Math.max(afterMs, now - retainMsOf(job.options));
    const missed = await missedTicks(runtime, job.name, new Ticks(cronJob.cronTime), fromMs, now, max);
    if (missed.length > 0) await runMissed(runtime, job, missed);
  } catch (error) {
    if (!(error instanceof LockShutdownError)) logFailure(runtime.log, error);
  }
}

/** The newest of the ticks that were missed. Those of pauses were left out on purpose. */
async function missedTicks(
  { pauses }: JobRuntime,
  name: LockName,
  ticks: Ticks,
  fromMs: number,
  untilMs: number,
  max: number,
): Promise<number[]> {
  await pauses.refresh();
  const found: number[] = [];
  let endMs = untilMs;
  const pause = pauses.of(name);
  for (const [pausedAtMs, resumedAtMs] of pause === undefined ? [] : spansOf(pause)) {
    found.unshift(...ticks.between(Math.max(fromMs, resumedAtMs - 1), endMs, max - found.length));
    endMs = Math.min(endMs, pausedAtMs - 1);
  }
  return [...ticks.between(fromMs, endMs, max - found.length), ...found];
}

function startedJob({ schedulers }: JobRuntime, mark: object): CronJob | undefined {
  const job = findCronJob(schedulers, mark);
  return job?.isActive === true ? job : undefined;
}

/** Checks repeatedly while the application runs. */
async function forthcoming<T>(runtime: JobRuntime, check: () => T | undefined): Promise<T | undefined> {
  while (!runtime.engine.isClosed) {
    const found = check();
    if (found !== undefined) return found;
    await sleep(RECHECK_MS, undefined, { ref: false });
  }
  return undefined;
}

/** After how long a wait checks whether this instance still leads, in milliseconds. */
const RECHECK_LEADER_MS = 5_000;

/**
 * All instances that start together call this. They wait, as the instance that catches up may die; when it
 * succeeds, the others find nothing left.
 */
async function runMissed(runtime: JobRuntime, job: RecordedJob, ticks: readonly number[]): Promise<void> {
  const run = ({ signal }: AdvisoryLock): Promise<void> => runUnderLock(runtime, job, ticks, signal);
  let isDone = false;
  while (!isDone && (await forthcoming(runtime, () => leads(runtime, job) || undefined)) === true) {
    isDone = (await runtime.engine.locks.tryWithLock(job.name, run, { waitMs: RECHECK_LEADER_MS })).acquired;
  }
}

async function runUnderLock(
  runtime: JobRuntime,
  job: RecordedJob,
  ticks: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  const { name, mark, call } = job;
  for (const atMs of await runtime.records.unrecorded(name, ticks)) {
    if (signal.aborted || runtime.engine.isClosed || !leads(runtime, job)) return;
    runtime.log.log(`Running ${describeNames(name)} for ${new Date(atMs).toISOString()}, which was missed`);
    // As in the scheduler, a tick that fails does not keep the next from running.
    await callFor(mark, () => missedFiring(atMs), call).catch((error: unknown) => {
      logFailure(runtime.log, error);
    });
  }
}

function missedFiring(atMs: number): Firing {
  const lateMs = Date.now() - atMs;
  return { atMs, lateMs, claimMs: 0, graceMs: 0, isTooLate: () => false, isMissed: true };
}

function leads(runtime: JobRuntime, { leader }: RecordedJob): boolean {
  return leader === undefined || runtime.isLeader(leader);
}
