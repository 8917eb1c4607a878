import {
  describeNames,
  LockJobFailedError,
  LockConnectionError,
  type LockName,
  type LockRuntime,
  type Notification,
  runOutside,
} from '../../core/index.js';
import { QUESTIONS, reportChannelOf } from '../../fleet/channels.js';
import { askToRun, type RunOutcome } from '../../fleet/run/ask-to-run.js';
import { notify } from '../../fleet/notify.js';
import { jobDigest, readRunMessage, type RunMessage, textOfError } from '../../fleet/run/run-messages.js';
import { mayOrder } from '../../fleet/run/sender-role.js';
import { logFailure } from '../run/log-failure.js';
import { type ManualOutcome, runManually } from '../run/manual-run.js';
import type { KnownJob, KnownJobs } from './known-jobs.js';

/** How long to wait for an instance that has the job, in milliseconds. */
const FIND_WITHIN_MS = 2_000;

/** A start that arrives later than this after its offer is ignored, in milliseconds. */
const START_WITHIN_MS = 5_000;

/** Requests that are considered at once, at most. */
const MAX_REQUESTS = 16;

interface Parts {
  readonly engine: LockRuntime;
  readonly known: KnownJobs;
  /** The name of this instance. */
  readonly instance: string;
  readonly isLeader: (name: LockName) => boolean;
}

/** Runs jobs on demand, here or in another instance, and those that other processes ask for. */
export class OnDemandRuns {
  /** Offers of this instance, each with the job, the backend that has asked, and when it was made. */
  private readonly offers = new Map<string, { job: KnownJob; askerPid: number; madeAt: number }>();

  /** Computed once for each job: any client of the database may ask for any job, and often. */
  private readonly digests = new WeakMap<KnownJob, string>();

  constructor(private readonly parts: Parts) {
    parts.engine.onNotification((notification) => {
      void this.receive(notification).catch(() => {
        // The database is away: the process that asks finds no instance, or another one.
      });
    });
  }

  /**
   * Runs the job, in this instance if it has the job and may run it. Resolves to what the method resolves to
   * here, and to `undefined` after a run in another instance.
   */
  async run(name: LockName, waitMs: number): Promise<unknown> {
    const outcome = await this.attempt(name, waitMs);
    if (outcome.end === 'done') return outcome.value;
    throw outcome.error;
  }

  /** The same, for callers that need to know how it ended. Rejects where that is not known. */
  async attempt(name: LockName, waitMs: number): Promise<ManualOutcome> {
    const job = this.parts.known.findOne(name, 'runNow()');
    if (job !== undefined && this.mayRun(job)) return runManually(job, waitMs, job.call);
    return this.outcomeOf(name, job, waitMs, await this.askFleet(name, waitMs));
  }

  private async askFleet(name: LockName, waitMs: number): Promise<RunOutcome> {
    const { engine } = this.parts;
    if (!(await engine.server.isListening())) return { end: 'none' };
    const job = jobDigest(engine.keys.fullNameOf(name));
    return runOutside(() => askToRun(engine, { job, waitMs, withinMs: FIND_WITHIN_MS }));
  }

  private outcomeOf(
    name: LockName,
    job: KnownJob | undefined,
    waitMs: number,
    outcome: RunOutcome,
  ): ManualOutcome {
    const { engine, known } = this.parts;
    const lockName = describeNames(name);
    switch (outcome.end) {
      case 'done':
        return { end: 'done', value: undefined };
      case 'busy':
        return { end: 'busy', error: engine.locks.unavailable(name, waitMs > 0 ? { waitMs } : {}) };
      case 'none':
        if (job?.leader !== undefined) return { end: 'busy', error: engine.locks.unavailable(job.leader) };
        known.require(name, 'runNow()');
        return { end: 'busy', error: engine.locks.unavailable(name) };
      case 'lost':
        throw new LockConnectionError(outcome.message, lockName, `The job "${lockName}" was started`);
      default:
        return {
          end: 'failed',
          error: new LockJobFailedError({ lockName, instance: outcome.instance, message: outcome.message }),
        };
    }
  }

  /** The requests of other processes. */
  private async receive(notification: Notification): Promise<void> {
    const { engine, instance } = this.parts;
    const { processId, channel } = notification;
    if (engine.isClosed || engine.backendPids.includes(processId)) return;
    const message = readRunMessage(notification);
    if (message?.kind === 'run-start') return this.start(message, processId);
    if (message?.kind !== 'run' || channel !== QUESTIONS || this.offers.size >= MAX_REQUESTS) return;
    const { id } = message;
    const [job] = this.jobsOf(message.job);
    if (job === undefined || !job.isTimed || !this.mayRun(job)) return;
    this.offers.set(id, { job, askerPid: processId, madeAt: performance.now() });
    setTimeout(() => this.offers.delete(id), START_WITHIN_MS).unref();
    if (!(await mayOrder(engine.server, processId))) {
      this.offers.delete(id);
      return;
    }
    await notify(engine.server, reportChannelOf(processId), { kind: 'run-offer', id, instance });
  }

  private async start({ id, waitMs }: RunMessage & { kind: 'run-start' }, askerPid: number): Promise<void> {
    const offer = this.offers.get(id);
    if (offer?.askerPid !== askerPid || performance.now() - offer.madeAt > START_WITHIN_MS) return;
    this.offers.delete(id);
    const { engine } = this.parts;
    const send = (message: RunMessage, attempts?: number): Promise<void> =>
      notify(engine.server, reportChannelOf(askerPid), message, attempts);
    // The process that asks would take silence for an instance that has not begun.
    await send({ kind: 'run-begun', id });
    const ended: RunMessage = { kind: 'run-end', id, ...(await this.runHere(offer.job, waitMs ?? Infinity)) };
    // It waits for this as long as this instance is connected.
    await send(ended, Infinity);
  }

  private async runHere(
    job: KnownJob,
    waitMs: number,
  ): Promise<Pick<RunMessage & { kind: 'run-end' }, 'end' | 'message'>> {
    const { engine, known } = this.parts;
    try {
      known.findOne(job.lock, 'runNow()');
    } catch (error) {
      return { end: 'refused', message: textOfError(error) };
    }
    const outcome = await runOutside(() => runManually(job, waitMs, job.call));
    if (outcome.end === 'done') return { end: 'done' };
    if (outcome.end === 'failed') logFailure(engine.createLog('AdvisoryLock'), outcome.error);
    return { end: outcome.end, message: textOfError(outcome.error) };
  }

  private jobsOf(digest: string): readonly KnownJob[] {
    return this.parts.known.all.filter((job) => this.digestOf(job) === digest);
  }

  private digestOf(job: KnownJob): string {
    const digest = this.digests.get(job) ?? jobDigest(this.parts.engine.keys.fullNameOf(job.lock));
    this.digests.set(job, digest);
    return digest;
  }

  private mayRun({ leader }: KnownJob): boolean {
    return leader === undefined || this.parts.isLeader(leader);
  }
}
