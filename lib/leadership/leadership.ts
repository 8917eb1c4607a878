import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AdvisoryLock,
  GrowingPause,
  isError,
  type LockLog,
  LockShutdownError,
  messageOf,
  printable,
} from '../core/index.js';
import type { LeadershipBody } from './leadership-body.js';
import { Term } from './term.js';

/**
 * The options of `AdvisoryLockService.lead`.
 *
 * @example
 * ```ts
 * locks.lead('feed', (signal) => this.follow(feed, { signal }), { signal: AbortSignal.timeout(60_000) });
 * ```
 */
export interface LeadOptions {
  /**
   * Stops the campaign and the leadership, as {@link Leadership.stop} does. Its reason becomes the reason of
   * the body's signal.
   * @default none
   */
  readonly signal?: AbortSignal;
}

/** The pauses after a failed attempt or term, in milliseconds. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;

/**
 * A candidate for the leadership of a fleet, and its leader once it is elected: what
 * `AdvisoryLockService.lead` returns.
 *
 * @example
 * ```ts
 * await using leadership = locks.lead('feed', async (signal) => this.follow(feed, { signal }));
 * leadership.isLeader; // false while another instance leads
 * ```
 */
export class Leadership implements AsyncDisposable {
  private readonly stopping = new AbortController();
  /** Resolves when the campaign has ended. @internal */
  readonly over: Promise<void>;
  private term: Term | undefined;
  private readonly pauses = new GrowingPause(FIRST_PAUSE_MS, MAX_PAUSE_MS);
  private isOutage = false;

  /** @internal */
  constructor(
    /** The name of the leadership, as the application wrote it; a key that is a number or a pair, as text. */
    readonly name: string,
    /** Waits for the lock for some time, and then resolves to `undefined`. */
    private readonly acquire: (signal: AbortSignal) => Promise<AdvisoryLock | undefined>,
    private readonly body: LeadershipBody,
    private readonly log: LockLog,
  ) {
    this.over = this.campaign();
  }

  /**
   * Whether this candidate leads now: it was elected, and has neither lost the leadership nor been stopped.
   * Never throws.
   */
  get isLeader(): boolean {
    return this.term?.isLeading ?? false;
  }

  /**
   * Ends the campaign, and the leadership if this candidate leads: the body's signal aborts with an
   * `AbortError`, and when the body has settled the lock is given back and the promise resolves.
   * Never rejects; a second call waits for the first. Do not await it inside the body, which would wait for
   * itself.
   */
  stop(): Promise<void> {
    const message = printable(`The leadership of "${this.name}" was stopped`);
    return this.stopBecause(new DOMException(message, 'AbortError'));
  }

  /** The same as {@link Leadership.stop}, for `await using`. Never rejects. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** @internal */
  stopBecause(reason: unknown): Promise<void> {
    this.stopping.abort(reason);
    this.term?.end(this.stopping.signal.reason);
    return this.over;
  }

  private get isStopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async campaign(): Promise<void> {
    while (!this.isStopped) {
      const lock = await this.awaitElection();
      if (lock !== undefined) await this.lead(lock);
    }
  }

  /** Resolves to the lock when this candidate is elected. */
  private async awaitElection(): Promise<AdvisoryLock | undefined> {
    try {
      const lock = await this.acquire(this.stopping.signal);
      if (this.isOutage) this.log.log(`Campaigning to lead "${this.name}" again`);
      this.isOutage = false;
      return lock;
    } catch (error) {
      if (error instanceof LockShutdownError) void this.stopBecause(error);
      if (!this.isStopped) this.logOutage(error);
      await this.pause();
      return undefined;
    }
  }

  private async lead(lock: AdvisoryLock): Promise<void> {
    const startedAt = performance.now();
    this.term = new Term(lock);
    // A lock that was granted at the last moment is given back without a term.
    if (!this.isStopped) {
      this.log.log(`Leading "${this.name}"`);
      const failures = await this.term.serve(this.body);
      this.logEnd(this.term, failures);
    }
    await lock.release();
    this.term = undefined;
    if (performance.now() - startedAt > MAX_PAUSE_MS) this.pauses.reset();
    await this.pause();
  }

  /** Lets others be elected first: an instance that cannot lead must not be the first to campaign again. */
  private async pause(): Promise<void> {
    await sleep(this.pauses.nextMs(), undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }

  private logEnd({ lost }: Term, failures: readonly unknown[]): void {
    const what = `The leader of "${this.name}" failed in this instance, which stops leading it`;
    for (const failure of failures) {
      this.log.error(`${what}: ${String(failure)}`, isError(failure) ? failure.stack : undefined);
    }
    if (lost !== undefined) this.log.warn(`Not leading "${this.name}" any more. ${lost.message}`);
    else if (this.isStopped) this.log.log(`Stopped leading "${this.name}"`);
  }

  private logOutage(error: unknown): void {
    if (this.isOutage) return;
    this.isOutage = true;
    const message = messageOf(error);
    this.log.warn(`Cannot campaign to lead "${this.name}", and tries again until it works. ${message}`);
  }
}
