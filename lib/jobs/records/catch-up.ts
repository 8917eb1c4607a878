import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AdvisoryLock, describeNames, type LockName, LockShutdownError } from '../../core/index.js';
import type { AdvisoryLockService } from '../../nest/advisory-lock.service.js';
import { type CronJob, findCronJob, type Scheduler } from '../schedule/firing.js';
import { REJOIN_MS } from '../../leadership/rejoin-ms.js';
import { Ticks } from '../schedule/ticks.js';
import { callForMissed } from './missed-tick.js';
import { type RecordOptions, retainMsOf } from './record.options.js';

/** A job catches up no more ticks than this. */
const MOST_TICKS = 100;

/**
 * How often it is looked whether the scheduler has started the job, which it does when its own module starts, and whether the job's
 * leadership is here: nobody tells.
 */
const LOOK_AGAIN_MS = 100;

/** A job that may have missed ticks. */
export interface RecordedJob {
  /** Of its lock. */
  readonly name: LockName;
  /** What its timer is found by. */
  readonly mark: object;
  readonly options: RecordOptions;
  /** Where it runs. */
  readonly leader?: LockName | undefined;
  readonly call: () => Promise<unknown>;
}

const logger = new Logger('AdvisoryLock');

/**
 * After which instant ticks of the job have been missed; `undefined` when none have. To be asked before its timers are started, as
 * the first run says nothing of the ticks before it any more.
 *
 * What falls due while a run goes on is left out, not missed: those ticks are taken as run.
 */
export async function missedAfter(
  { records }: AdvisoryLockService,
  { name, options: { catchUp: wanted = 'none' } }: RecordedJob,
): Promise<number | undefined> {
  if (wanted === 'none') return undefined;
  const [last] = await records.newest(name, 1);
  if (last === undefined) return undefined;
  const { atMs, startedMs, endedMs } = last;
  if (endedMs !== null) return atMs + Math.max(0, endedMs - startedMs);
  return (await records.isRunning(name, atMs)) ? undefined : atMs;
}

/** Waits for the job's timer, and runs what the job has missed after that instant. Never rejects. */
export async function catchUp(
  service: AdvisoryLockService,
  job: RecordedJob,
  afterMs: number,
): Promise<void> {
  try {
    const { scheduler } = service;
    if (scheduler === undefined) return;
    const cronJob = await forthcoming(service, () => startedJob(scheduler, job.mark));
    if (cronJob === undefined) return;
    const now = Date.now();
    const max = job.options.catchUp === 'last' ? 1 : MOST_TICKS;
    const fromMs = Math.max(afterMs, now - retainMsOf(job.options));
    const missed = new Ticks(cronJob.cronTime).between(fromMs, now, max);
    if (missed.length > 0) await runMissed(service, job, missed);
  } catch (error) {
    if (!(error instanceof LockShutdownError)) logger.error(error);
  }
}

function startedJob(scheduler: Scheduler, mark: object): CronJob | undefined {
  const job = findCronJob(scheduler, mark);
  return job?.isActive === true ? job : undefined;
}

/** Looks again and again, as long as the application runs. */
async function forthcoming<T>(
  service: AdvisoryLockService,
  look: () => T | undefined,
): Promise<T | undefined> {
  while (!service.isClosed) {
    const found = look();
    if (found !== undefined) return found;
    await sleep(LOOK_AGAIN_MS, undefined, { ref: false });
  }
  return undefined;
}

/** All instances that start together come here. They wait, as the one that is at it may die; the others find nothing left. */
async function runMissed(
  service: AdvisoryLockService,
  job: RecordedJob,
  ticks: readonly number[],
): Promise<void> {
  const run = ({ signal }: AdvisoryLock): Promise<void> => runUnderLock(service, job, ticks, signal);
  let isDone = false;
  while (!isDone && (await forthcoming(service, () => leads(service, job) || undefined)) === true) {
    isDone = (await service.tryWithLock(job.name, run, { waitMs: REJOIN_MS })).acquired;
  }
}

async function runUnderLock(
  service: AdvisoryLockService,
  job: RecordedJob,
  ticks: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  const { name, mark, call } = job;
  for (const atMs of await service.records.unrecorded(name, ticks)) {
    if (signal.aborted || service.isClosed || !leads(service, job)) return;
    logger.log(`Running ${describeNames(name)} for ${new Date(atMs).toISOString()}, which was missed`);
    // As the scheduler does: a tick that fails does not keep the next from running.
    await callForMissed(mark, atMs, call).catch((error: unknown) => {
      logger.error(error);
    });
  }
}

function leads(service: AdvisoryLockService, { leader }: RecordedJob): boolean {
  return leader === undefined || service.isLeader(leader);
}
