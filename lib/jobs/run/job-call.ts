import { Logger } from '@nestjs/common';
import { type AdvisoryLockEvents, messageOf, type SkipReason } from '../../core/index.js';
import type { Firing } from '../schedule/firing.js';
import type { JobName, TickLog } from './tick-log.js';

const logger = new Logger('AdvisoryLock');

/** Enough of an error for a line. */
const LONGEST_MESSAGE = 200;

/** One call of a job's method, by its timer or by hand: notes and tells what comes of it. */
export class JobCall {
  private startedAt: number | undefined;
  private isSkipped = false;

  constructor(
    private readonly job: JobName,
    /** Of a call by the timer. */
    private readonly firing: Firing | undefined,
    private readonly log: TickLog,
    private readonly events: AdvisoryLockEvents,
    /** Called when somebody else holds the lock. */
    private readonly onHeld: () => void,
  ) {}

  get hasBegun(): boolean {
    return this.startedAt !== undefined;
  }

  began(): void {
    this.startedAt = performance.now();
    this.tell('began');
  }

  ended(failure?: { readonly error: unknown }): void {
    this.tell(failure === undefined ? 'ran' : 'failed', failure);
  }

  /** It does not run; of several reasons the first counts. */
  skipped(reason: SkipReason): void {
    if (this.isSkipped) return;
    this.isSkipped = true;
    if (reason === 'held') this.onHeld();
    const { lockName, method } = this.job;
    if (this.firing !== undefined)
      this.log.note(this.job, { atMs: this.firing.atMs, outcome: 'skipped', reason });
    if (!this.events.isHeard) return;
    const tick = this.firing && { tick: new Date(this.firing.atMs) };
    this.events.emit({ type: 'skipped', at: new Date(), lockName, method, reason, ...tick });
  }

  /** As `skipped`, with a line in the log. */
  skippedQuietly(reason: 'held' | 'claimed'): void {
    if (this.isSkipped) return;
    this.skipped(reason);
    const { lockName, method } = this.job;
    const tick = this.firing === undefined ? '' : ` for ${new Date(this.firing.atMs).toISOString()}`;
    const why =
      reason === 'held' ? `lock "${lockName}" is held elsewhere` : 'another instance has claimed that tick';
    logger.debug(`Skipped ${method}${tick}: ${why}`);
  }

  private tell(state: 'began' | 'ran' | 'failed', failure?: { readonly error: unknown }): void {
    const { firing, startedAt = performance.now() } = this;
    if (firing === undefined) return;
    const { atMs, lateMs } = firing;
    const durationMs = state === 'began' ? undefined : performance.now() - startedAt;
    this.log.note(this.job, {
      atMs,
      lateMs,
      outcome: state === 'began' ? 'running' : state,
      ...(durationMs === undefined ? { runningSince: startedAt } : { durationMs }),
      ...(failure !== undefined && { error: messageOf(failure.error).slice(0, LONGEST_MESSAGE) }),
    });
    if (!this.events.isHeard) return;
    this.events.emit({
      type: 'tick',
      at: new Date(),
      ...this.job,
      tick: new Date(atMs),
      state,
      lateMs,
      ...(durationMs !== undefined && { durationMs }),
      ...failure,
    });
  }
}
