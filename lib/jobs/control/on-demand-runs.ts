import { randomUUID } from 'node:crypto';
import {
  describeNames,
  LockJobFailedError,
  LockConnectionError,
  type LockName,
  type LockRuntime,
  runOutside,
} from '../../core/index.js';
import { QUESTIONS, reportChannelOf } from '../../fleet/channels.js';
import { askToRun, type RunOutcome } from '../../fleet/run/ask-to-run.js';
import type { FleetMessages, ReceivedMessage } from '../../fleet/run/fleet-messages.js';
import { jobDigest, type RunMessage, textOfError } from '../../fleet/run/run-messages.js';
import { logFailure } from '../run/log-failure.js';
import { type ManualOutcome, runManually } from '../run/manual-run.js';
import type { KnownJob, KnownJobs } from './known-jobs.js';

/** How long to wait for an instance that has the job, in milliseconds. */
const FIND_WITHIN_MS = 2_000;

/** A start that arrives later than this after its offer is ignored, in milliseconds. */
const START_WITHIN_MS = 5_000;

/** Offers that are open at once, at most: a script may run all jobs of a large application at once. */
const MAX_OFFERS = 100;

interface Parts {
  readonly engine: LockRuntime;
  readonly messages: FleetMessages;
  readonly known: KnownJobs;
  /** The name of this instance. */
  readonly instance: string;
  readonly isLeader: (name: LockName) => boolean;
}

/** What this instance has offered: the job, the request and the backend that has asked, and when. */
interface Offer {
  readonly job: KnownJob;
  readonly id: string;
  readonly askerPid: number;
  readonly madeAt: number;
}

/** Runs jobs on demand, here or in another instance, and those that other processes ask for. */
export class OnDemandRuns {
  /** Offers of this instance by their ids. */
  private readonly offers = new Map<string, Offer>();

  /** Computed once for each job: any client of the database may ask for any job, and often. */
  private readonly digests = new WeakMap<KnownJob, string>();

  constructor(private readonly parts: Parts) {
    parts.messages.onMessage((received) => {
      void this.receive(received).catch(() => {
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
    const { engine, messages } = this.parts;
    if (!(await engine.server.isListening())) return { end: 'none' };
    const job = jobDigest(engine.keys.fullNameOf(name));
    return runOutside(() => askToRun(engine.server, messages, { job, waitMs, withinMs: FIND_WITHIN_MS }));
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
  private async receive({ message, senderPid: askerPid, channel }: ReceivedMessage): Promise<void> {
    const { engine, messages, instance } = this.parts;
    if (engine.isClosed) return;
    if (message.kind === 'run-start') return this.start(message, askerPid);
    if (message.kind !== 'run' || channel !== QUESTIONS) return;
    const { id } = message;
    const [job] = this.jobsOf(message.job);
    if (job === undefined || !job.isTimed || !this.mayRun(job)) return;
    if (!(await messages.mayOrder(askerPid)) || this.offers.size >= MAX_OFFERS) return;
    const offer = randomUUID();
    this.offers.set(offer, { job, id, askerPid, madeAt: performance.now() });
    setTimeout(() => this.offers.delete(offer), START_WITHIN_MS).unref();
    await messages.send(reportChannelOf(askerPid), { kind: 'run-offer', id, offer, instance });
  }

  private async start(start: RunMessage & { kind: 'run-start' }, askerPid: number): Promise<void> {
    const offer = this.offers.get(start.offer);
    if (offer?.askerPid !== askerPid || offer.id !== start.id) return;
    if (performance.now() - offer.madeAt > START_WITHIN_MS) return;
    this.offers.delete(start.offer);
    const { messages } = this.parts;
    const { id, job } = offer;
    const channel = reportChannelOf(askerPid);
    // The process that asks would take silence for an instance that has not begun.
    await messages.send(channel, { kind: 'run-begun', id });
    const ended = await this.runHere(job, start.waitMs ?? Infinity);
    // It waits for this as long as this instance is connected.
    await messages.send(channel, { kind: 'run-end', id, ...ended }, Infinity);
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
