import { GrowingPause, type LockLog, type LockRuntime, runOutside } from '../../core/index.js';
import type { KnownJob, KnownJobs } from '../control/known-jobs.js';
import { claimKeyOfTick } from '../run/claim-key.js';
import { nameOf } from '../run/job-name.js';
import type { TickLog } from '../run/tick-log.js';
import { claimMsOf } from '../schedule/claim-ms.js';
import type { Scheduler } from '../schedule/scheduler.js';
import { Doubts } from './doubts.js';
import { DueJobs, type DueTick } from './due-jobs.js';
import { isTaken } from './is-taken.js';
import { TickJudge, type TickJudgeParts } from './tick-judge.js';

/** After the schedulers have made their jobs, which they do in the same hook, in milliseconds. */
const FIRST_CHECK_MS = 1_000;

/** What is added to the time within which instances may run a tick, in milliseconds: a run must be noted. */
const SLACK_MS = 2_000;

/**
 * The pauses before it is tried again to settle what is in doubt, in milliseconds: while another instance
 * asks, the database is away, or an instance is silent.
 */
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 3_000;

/** How many ticks are judged at once: each takes a lock, for a minute. */
const MAX_JUDGED = 500;

/** What it uses of the jobs of one configured module. */
export interface MissedTicksParts extends TickJudgeParts {
  readonly engine: LockRuntime;
  readonly log: LockLog;
  readonly known: KnownJobs;
  readonly ticks: TickLog;
  readonly findSchedulers: () => readonly Scheduler[];
}

interface PendingTick extends DueTick {
  /** When no instance can run it any more, by `performance.now()`. */
  readonly judgeAt: number;
}

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
  private readonly doubts = new Doubts();
  private readonly judge: TickJudge;
  private readonly retries = new GrowingPause(FIRST_RETRY_MS, LONGEST_RETRY_MS);
  /** When it is tried to settle what is in doubt, by `performance.now()`. */
  private settleAt = -Infinity;
  /** The jobs whose last tick was missed: one line in the log for each outage. */
  private readonly missing = new Set<KnownJob>();
  private timer: NodeJS.Timeout | undefined;
  private isStarted = false;

  constructor(private readonly parts: MissedTicksParts) {
    this.due = new DueJobs(() => parts.known.all, parts.findSchedulers);
    this.judge = new TickJudge(parts);
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
    for (const tick of over) this.comeOfAge(tick);
    if (!this.doubts.isEmpty && now >= this.settleAt) await this.settle();
    const wakeAt = this.pending.reduce(
      (min, { judgeAt }) => Math.min(min, judgeAt),
      this.doubts.isEmpty ? Infinity : this.settleAt,
    );
    this.plan(Math.min(this.due.waitMs, Math.max(1, wakeAt - performance.now())));
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

  private comeOfAge(tick: DueTick): void {
    if (this.isDoubtful(tick.job, tick.atMs)) this.doubts.add(tick);
    else this.missing.delete(tick.job);
  }

  private isDoubtful(job: KnownJob, atMs: number): boolean {
    const { ticks } = this.parts;
    const tick = ticks.tickOf(nameOf(job), atMs);
    if (tick === undefined) return !ticks.wasRunningAt(nameOf(job), atMs, job.jitterMs);
    return !isTaken(tick);
  }

  private async settle(): Promise<void> {
    const ticks = this.doubts.first(MAX_JUDGED);
    try {
      const { missed, dismissed } = await this.judge.judge(ticks);
      this.doubts.remove([...missed, ...dismissed]);
      this.doubts.tried(ticks);
      for (const tick of missed) this.report(tick);
    } catch {
      // The database is away. The ticks stay in doubt until it is back.
    }
    this.settleAt = performance.now() + this.retries.nextMs();
    if (!this.doubts.isEmpty) return;
    this.settleAt = -Infinity;
    this.retries.reset();
  }

  private report({ job, atMs }: DueTick): void {
    const { events } = this.parts.engine;
    const { lockName, method } = nameOf(job);
    const tick = new Date(atMs);
    if (!this.missing.has(job)) {
      this.parts.log.warn(`${method} missed its tick at ${tick.toISOString()}: no instance ran it`);
    }
    this.missing.add(job);
    if (events.hasListeners) events.emit({ type: 'missed', at: new Date(), lockName, method, tick });
  }
}
