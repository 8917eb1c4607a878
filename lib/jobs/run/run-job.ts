import { describeNames, LockUnavailableError } from '../../core/index.js';
import { describeMethod } from '../../locking/describe-method.js';
import type { MethodCall } from '../../locking/locked-method.js';
import { settleBusy } from '../../locking/on-busy.js';
import type { JobHost } from '../job-host.js';
import type { JobMethod } from '../job-method.js';
import type { Firing } from '../schedule/firing.js';
import { type FoundFiring, TIMEOUT } from '../schedule/find-firing.js';
import { NO_TICK } from '../schedule/firing-ticks.js';
import { claimOptions } from './claim-options.js';
import { runForTick, type Tick } from './current-tick.js';
import { type ManualRun, takeManualRun } from './manual-run.js';
import { JobObserver } from './job-observer.js';
import { type JobOutcome, type JobRun, type JobStep, pipeline, type TimedRun } from './job-run.js';
import { awaitPreviousRun } from './steps/await-previous-run.js';
import { callMethod } from './steps/call-method.js';
import { cancelable } from './steps/cancelable.js';
import { claimTick } from './steps/claim-tick.js';
import { eligible } from './steps/eligible.js';
import { jitter } from './steps/jitter.js';
import { keepHistory } from './steps/keep-history.js';
import { notPaused } from './steps/not-paused.js';
import { notTooLate } from './steps/not-too-late.js';
import { quietAtShutdown } from './steps/quiet-at-shutdown.js';
import { quietInOutage } from './steps/quiet-in-outage.js';
import { recordRun } from './steps/record-run.js';
import { retried } from './steps/retried.js';
import { underLock } from './steps/under-lock.js';

/** A call by hand needs the lock alone. */
const byHand = pipeline<JobRun>([quietAtShutdown, eligible, underLock, callMethod]);

/** So does a timeout, unless its job is paused. */
const byTimeout = pipeline<JobRun>([
  quietAtShutdown,
  eligible,
  notPaused,
  jitter,
  underLock,
  retried,
  keepHistory,
  callMethod,
]);

/** What `runNow()` calls rejects when it does not run. */
const onDemand = pipeline<JobRun>([eligible, underLock, cancelable, retried, keepHistory, callMethod]);

/** What each attempt goes through, inside the lock. */
const attempts: readonly JobStep<TimedRun>[] = [retried, keepHistory, callMethod];

const timed = (...steps: readonly JobStep<TimedRun>[]): ((run: TimedRun) => Promise<JobOutcome>) =>
  pipeline<TimedRun>([quietAtShutdown, quietInOutage, eligible, notPaused, ...steps, ...attempts]);

/** The steps of a call by the timer, by the option `tick`. */
const forTick = {
  none: timed(jitter, underLock),
  // The second check, because the database may have been slow, or this process frozen.
  // So is the second look at pauses: a notification that was on its way has arrived before the claim.
  claim: timed(notTooLate, claimTick, notTooLate, notPaused, jitter, awaitPreviousRun, underLock, cancelable),
  // Unlike a claim, a record says whether a tick has run, however late it is.
  record: timed(claimTick, notPaused, jitter, awaitPreviousRun, underLock, cancelable, recordRun),
};

/**
 * The steps of a tick that the timer missed: all missed ticks run inside one lock, and others find the
 * record.
 */
const forMissedTick = {
  none: timed(underLock),
  claim: timed(underLock),
  record: timed(underLock, recordRun),
};

/** The steps of an interval that counts from the end of a run, whose turn decides which instance runs it. */
const afterDelay = timed(jitter, underLock);

/** Runs one call of a job: by its timer once per tick in the fleet, by hand whenever it gets the lock. */
export async function runJob(
  job: JobMethod,
  call: MethodCall,
  { runtime, locks }: JobHost,
): Promise<unknown> {
  // Before anything is awaited: later the caller is unknown.
  const manual = takeManualRun(call);
  const finding =
    manual !== undefined || runtime === undefined
      ? undefined
      : job.findFiring(runtime.schedulers, call.instance, claimOptions(job.tick).claimMs);
  // Not by its class: the global Promise may be that of another library.
  const found = typeof finding === 'object' && 'then' in finding ? await finding : finding;
  const ask: Call = { job, call, runtime, locks, manual };
  const { delayMs } = job;
  if (typeof found !== 'object' || delayMs === undefined || runtime === undefined) return perform(ask, found);
  const turn = { name: job.nameOf(call.instance), methodName: call.methodName, delayMs };
  // A moment of its own, as its timer only looks whether the time has come.
  return runtime.turns.whenDue(turn, () => perform(ask, { ...found, atMs: Date.now() }));
}

interface Call extends Pick<JobRun, 'job' | 'call' | 'runtime' | 'locks'> {
  readonly manual: ManualRun | undefined;
}

async function perform({ manual, ...parts }: Call, found: FoundFiring): Promise<unknown> {
  const { job, call, runtime } = parts;
  const firing = typeof found === 'object' ? found : undefined;
  const name = job.nameOf(call.instance);
  const lockName = describeNames(name);
  const isManual = manual !== undefined;
  const observer = new JobObserver({
    job: { lockName, method: describeMethod(call.instance, call.methodName) },
    name,
    leader: job.leader,
    firing,
    runtime,
    ...(isManual && { manualAtMs: Date.now() }),
  });
  const run: JobRun = { ...parts, name, firing, observer, isManual, waitMs: manual?.waitMs ?? 0 };
  if (found === NO_TICK) return settle(run, { ran: false, reason: NO_TICK });
  if (isManual) return settleManual(run, manual, await onDemand(run));
  if (found === TIMEOUT) return settle(run, await byTimeout(run));
  if (!isTimed(run)) return settle(run, await byHand(run));
  const steps = stepsOf(run.firing, job);
  // The method gets its tick from `currentTick()`, and so does an `onBusy` function.
  return runForTick(tickOf(run), async () => settle(run, await steps(run)));
}

function isTimed(run: JobRun): run is TimedRun {
  return run.firing !== undefined && run.runtime !== undefined;
}

function tickOf({ name, firing: { atMs, lateMs } }: TimedRun): Tick {
  return { name: describeNames(name), at: new Date(atMs), lateMs };
}

function stepsOf(
  { isMissed }: Firing,
  { tick: { tick = 'claim' }, delayMs }: JobMethod,
): (run: TimedRun) => Promise<JobOutcome> {
  if (delayMs !== undefined) return afterDelay;
  return (isMissed === true ? forMissedTick : forTick)[tick];
}

/** The result of a run on demand, whose caller must not take a job that did not run for one that did. */
function settleManual({ job, name, runtime }: JobRun, manual: ManualRun, outcome: JobOutcome): unknown {
  if (outcome.ran) return outcome.value;
  const isLed = outcome.reason !== 'not-leader';
  const lock = isLed ? name : (job.leader ?? name);
  const options = isLed && manual.waitMs > 0 ? { waitMs: manual.waitMs } : {};
  manual.refusal =
    runtime?.engine.locks.unavailable(lock, options) ?? new LockUnavailableError(describeNames(lock));
  throw manual.refusal;
}

/** The result of the call. */
function settle(run: JobRun, outcome: JobOutcome): unknown {
  if (outcome.ran) return outcome.value;
  const { job, call, name, runtime, observer } = run;
  const { reason, waitMs = 0 } = outcome;
  if (reason === 'outage') return undefined;
  const isBusy = reason === 'held' || reason === 'claimed';
  observer.skipped(reason, job.onBusy === 'skip' || !isBusy);
  if (!isBusy) return undefined;
  const { instance, args, methodName } = call;
  const lockName = describeNames(name);
  const options = waitMs > 0 ? { waitMs } : {};
  const error = runtime?.engine.locks.unavailable(name, options) ?? new LockUnavailableError(lockName);
  return settleBusy(job.onBusy, { lockName, args, instance, methodName, error });
}
