import { describeNames, type LockLog, type LockRuntime, runOutside } from '../../core/index.js';
import type { Fleet } from '../../fleet/fleet.js';
import { type InstanceReport, isOfOtherNamespace, type ReportedTick } from '../../fleet/instance-report.js';
import type { JobPauses } from '../control/job-pauses.js';
import type { KnownJob, KnownJobs } from '../control/known-jobs.js';
import type { RunRecords } from '../records/run-records.js';
import { claimKeyOfTick } from '../run/claim-key.js';
import type { TickLog } from '../run/tick-log.js';
import { claimMsOf } from '../schedule/claim-ms.js';
import type { Scheduler } from '../schedule/scheduler.js';
import { DueJobs, type DueTick } from './due-jobs.js';

/** After the schedulers have made their jobs, which they do in the same hook, in milliseconds. */
const FIRST_CHECK_MS = 1_000;

/** What is added to the time within which instances may run a tick, in milliseconds: a run must be noted. */
const SLACK_MS = 2_000;

/** How long to wait for the reports of the fleet, in milliseconds. */
const REPORT_WITHIN_MS = 2_000;

/** The pause before the fleet is asked again, while the database is away or an instance is silent. */
const RETRY_MS = 3_000;

/** How often an instance that does not report is waited for. */
const MAX_SILENCES = 3;

/** Of each job, so many ticks are in doubt at once; the oldest are forgotten. */
const MAX_DOUBTS = 20;

/** For how long no other instance reports the same tick, in milliseconds. */
const REPORTED_MS = 60_000;

/** What it uses of the jobs of one configured module. */
export interface MissedTicksParts {
  readonly engine: LockRuntime;
  readonly log: LockLog;
  readonly fleet: Fleet;
  readonly known: KnownJobs;
  readonly ticks: TickLog;
  readonly pauses: JobPauses;
  readonly records: RunRecords;
  readonly findSchedulers: () => readonly Scheduler[];
}

interface PendingTick extends DueTick {
  /** When no instance can run it any more, by `performance.now()`. */
  readonly judgeAt: number;
}

interface Doubts {
  readonly ticks: number[];
  silences: number;
}

/** Reasons of a skip after which the tick may have run in another instance, or in none. */
const DOUBTFUL: readonly unknown[] = ['too-late', 'not-leader'];

/**
 * Reports ticks that ran in no instance, though they came due while this one had the job: the database was
 * away, no instance led, or all were too late. A tick is judged when no instance can run it any more. What
 * this instance has run, or was refused because another holder has it, is no matter of doubt and costs
 * nothing; otherwise the record of the job decides, or what the other instances report. An instance that
 * does not know reports nothing.
 */
export class MissedTicks {
  private readonly due: DueJobs;
  private pending: PendingTick[] = [];
  private readonly doubts = new Map<KnownJob, Doubts>();
  /** The jobs whose last tick was missed: one line in the log for each outage. */
  private readonly missing = new Set<KnownJob>();
  private timer: NodeJS.Timeout | undefined;
  private isStarted = false;

  constructor(private readonly parts: MissedTicksParts) {
    this.due = new DueJobs(() => parts.known.all, parts.findSchedulers);
  }

  start(): void {
    this.isStarted = true;
    this.plan(FIRST_CHECK_MS);
  }

  stop(): void {
    this.isStarted = false;
    clearTimeout(this.timer);
  }

  private plan(ms: number): void {
    if (!this.isStarted) return;
    this.timer = runOutside(() => setTimeout(() => void this.check(), ms)).unref();
  }

  private async check(): Promise<void> {
    for (const tick of this.due.next()) {
      this.pending.push({ ...tick, judgeAt: performance.now() + this.windowOf(tick) });
      if (tick.job.leader !== undefined) void this.lookForClaim(tick);
    }
    const now = performance.now();
    const over = this.pending.filter(({ judgeAt }) => judgeAt <= now);
    this.pending = this.pending.filter(({ judgeAt }) => judgeAt > now);
    for (const tick of over) this.judge(tick);
    for (const [job, doubts] of this.doubts) await this.settle(job, doubts);
    const judgeAt = this.pending.reduce((min, each) => Math.min(min, each.judgeAt), Infinity);
    const retryMs = this.doubts.size > 0 ? RETRY_MS : Infinity;
    this.plan(Math.min(this.due.waitMs, Math.max(1, judgeAt - performance.now()), retryMs));
  }

  /** Within which the timer of any instance may run the tick, in milliseconds from now. */
  private windowOf({ job, atMs }: DueTick): number {
    const periodMs = job.findTimes?.(this.parts.findSchedulers())?.periodMs?.(atMs) ?? 0;
    const { claimMs = claimMsOf(periodMs), jitterMs = 0 } = job;
    return atMs + claimMs / 2 + jitterMs + SLACK_MS - Date.now();
  }

  /** The leader may have left when the tick is judged, as in a deployment. */
  private async lookForClaim({ job, atMs }: DueTick): Promise<void> {
    const { engine, ticks } = this.parts;
    if (!this.isDoubtful(job, atMs)) return;
    const key = claimKeyOfTick(engine, job.lock, job.methodName, atMs);
    const isClaimed = await engine.table.isLocked(key).catch(() => false);
    if (isClaimed) ticks.note(nameOf(job), { atMs, outcome: 'skipped', reason: 'claimed' });
  }

  private judge({ job, atMs }: DueTick): void {
    if (!this.isDoubtful(job, atMs)) {
      this.missing.delete(job);
      return;
    }
    const doubts = this.doubts.get(job) ?? { ticks: [], silences: 0 };
    this.doubts.set(job, doubts);
    doubts.ticks.push(atMs);
    if (doubts.ticks.length > MAX_DOUBTS) doubts.ticks.shift();
  }

  private isDoubtful(job: KnownJob, atMs: number): boolean {
    const { ticks } = this.parts;
    const tick = ticks.tickOf(nameOf(job), atMs);
    if (tick === undefined) return !ticks.wasRunningAt(nameOf(job), atMs, job.jitterMs);
    return !isTaken(tick);
  }

  private async settle(job: KnownJob, doubts: Doubts): Promise<void> {
    const doubtful = [...doubts.ticks];
    try {
      const missed = await this.missedOf(job, doubtful, doubts);
      if (missed === undefined) return;
      doubts.ticks.splice(0, doubtful.length);
      if (doubts.ticks.length === 0) this.doubts.delete(job);
      for (const atMs of missed) await this.report(job, atMs);
    } catch {
      // The database is away. The ticks stay in doubt until it is back.
    }
  }

  /** Those that ran nowhere; `undefined` when that cannot be said yet. */
  private async missedOf(
    job: KnownJob,
    ticks: readonly number[],
    doubts: Doubts,
  ): Promise<readonly number[] | undefined> {
    const { engine, fleet, pauses, records } = this.parts;
    await pauses.refresh();
    const due: number[] = [];
    for (const atMs of ticks) if ((await pauses.pauseAt(job.lock, atMs)) === undefined) due.push(atMs);
    if (due.length === 0) return [];
    if (job.isRecorded) return records.unrecorded(job.lock, due);
    const keys = [engine.keys.keyOf(job.lock)];
    const look = await fleet.inspect({ keys, withinMs: REPORT_WITHIN_MS });
    if (!look.isAsked) return [];
    if (look.silent.length > 0) {
      doubts.silences += 1;
      return doubts.silences < MAX_SILENCES ? undefined : [];
    }
    const reports = look.reports.slice(1).filter((report) => !isOfOtherNamespace(report, engine.keys.prefix));
    return due.filter((atMs) => reports.every((report) => denies(report, job, atMs)));
  }

  /** In one instance of the fleet: all come to the same result. */
  private async report(job: KnownJob, atMs: number): Promise<void> {
    const { engine, log } = this.parts;
    const tick = new Date(atMs);
    const key = engine.keys.claimKeyOf(job.lock, `${job.methodName}@${tick.toISOString()}#missed`);
    if (!(await engine.claims.make(key, { keepMs: REPORTED_MS, isRemembered: false }))) return;
    const { lockName, method } = nameOf(job);
    if (!this.missing.has(job)) {
      log.warn(`${method} missed its tick at ${tick.toISOString()}: no instance ran it`);
    }
    this.missing.add(job);
    const { events } = engine;
    if (events.hasListeners) events.emit({ type: 'missed', at: new Date(), lockName, method, tick });
  }
}

function nameOf({ lock, method }: KnownJob): { lockName: string; method: string } {
  return { lockName: describeNames(lock), method };
}

/** Whether an instance ran the tick, or was refused it because it has run, or is left out on purpose. */
function isTaken({ outcome, reason }: ReportedTick): boolean {
  return outcome !== 'skipped' || !DOUBTFUL.includes(reason);
}

/** Whether the instance knows that it did not run the tick: it remembers the ticks of that time. */
function denies({ jobs }: InstanceReport, job: KnownJob, atMs: number): boolean {
  const { lockName, method } = nameOf(job);
  const ticks = jobs
    .filter((each) => each.name === lockName && each.method === method)
    .flatMap((each) => each.ticks);
  if (ticks.some((tick) => tick.atMs === atMs && isTaken(tick))) return false;
  return ticks.length === 0 || ticks.some((tick) => tick.atMs <= atMs);
}
