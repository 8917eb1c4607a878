import { Logger } from '@nestjs/common';
import {
  describeNames,
  type LockConnectionError,
  type LockLog,
  type LockName,
  messageOf,
  printableLog,
  type SkipReason,
  type TickEvent,
} from '../../core/index.js';
import type { JobRuntime } from '../job-runtime.js';
import type { Firing } from '../schedule/firing.js';
import type { JobName } from './job-name.js';

/** A longer error is cut. */
const MAX_MESSAGE_LENGTH = 200;

/** The call that is observed. */
export interface ObservedCall {
  readonly job: JobName;
  /** Of the job's lock. */
  readonly name: LockName;
  readonly leader: LockName | undefined;
  /** Missing for a call by hand. */
  readonly firing: Firing | undefined;
  readonly runtime: JobRuntime | undefined;
  /** Of a run on demand, which counts as one of this moment. */
  readonly manualAtMs?: number;
}

/** Records, publishes and logs the outcome of one call of a job's method, by its timer or by hand. */
export class JobObserver {
  private readonly calledAt = performance.now();
  private startedAt: number | undefined;
  private attempt = 1;
  private readonly job: JobName;
  private readonly firing: Firing | undefined;
  private readonly runtime: JobRuntime | undefined;
  private readonly logs: LockLog;

  constructor(private readonly observed: ObservedCall) {
    this.job = observed.job;
    this.firing = observed.firing;
    this.runtime = observed.runtime;
    // There is no runtime where a test has replaced the service by a fake.
    this.logs = observed.runtime?.log ?? printableLog(new Logger('AdvisoryLock'));
  }

  get hasBegun(): boolean {
    return this.startedAt !== undefined;
  }

  /** Calls the body of the job, which begins now, and records its end. */
  async observe<T>(attempt = 1, body: () => Promise<T>): Promise<T> {
    this.attempt = attempt;
    this.startedAt = performance.now();
    this.runtime?.outage.end(this.calledAt);
    const began = this.publishTick('began');
    const around = this.runtime?.engine.events.activeAroundBody;
    try {
      const value = await (around === undefined || began === undefined ? body() : around.run(began, body));
      this.publishTick('ran');
      return value;
    } catch (error) {
      this.publishTick('failed', { error });
      throw error;
    }
  }

  /** The job does not run. */
  skipped(reason: SkipReason, isLogged: boolean): void {
    if (reason === 'held' || reason === 'claimed') this.runtime?.outage.end(this.calledAt);
    if (isLogged) this.log(reason);
    // A run that the shutdown ended is recorded as failed.
    if (!this.hasBegun) this.publishSkip(reason);
  }

  /** The job does not run, as the database is away. No instance may have the tick, so it counts as missed. */
  leftOut(error: LockConnectionError): void {
    this.runtime?.outage.leaveOut(this.job.method, error);
  }

  private publishSkip(reason: SkipReason): void {
    const { firing, runtime } = this;
    const { lockName, method } = this.job;
    // An instance that does not lead reports that for ticks only.
    if (runtime === undefined || (firing === undefined && reason === 'not-leader')) return;
    if (reason === 'held' && firing !== undefined && firing.isMissed !== true)
      void runtime.starvedJobs.check(this.job, runtime.engine.keys.keyOf(this.observed.name), firing.atMs);
    if (firing !== undefined) runtime.ticks.note(this.job, { atMs: firing.atMs, outcome: 'skipped', reason });
    const { events } = runtime.engine;
    if (!events.hasListeners) return;
    const tick = firing && { tick: new Date(firing.atMs) };
    events.emit({ type: 'skipped', at: new Date(), lockName, method, reason, ...tick });
  }

  private log(reason: SkipReason): void {
    const { method } = this.job;
    const forTick = this.firing === undefined ? '' : ` for ${new Date(this.firing.atMs).toISOString()}`;
    if (reason === 'too-late' && this.firing !== undefined) {
      const { atMs, claimMs } = this.firing;
      this.logs.warn(
        `Skipped ${method}: it is ${Date.now() - atMs} ms late${forTick}, and claims are kept for ` +
          `${claimMs} ms, so another instance may have run it. Set \`claimMs\`.`,
      );
    } else {
      const isOfTick = reason === 'held' || reason === 'claimed';
      this.logs.debug(`Skipped ${method}${isOfTick ? forTick : ''}: ${this.why(reason)}`);
    }
  }

  private why(reason: SkipReason): string {
    switch (reason) {
      case 'held':
        return `lock "${this.job.lockName}" is held by another holder`;
      case 'claimed':
        return 'another instance has claimed that tick';
      case 'not-leader':
        return `this instance does not lead "${describeNames(this.observed.leader ?? '')}"`;
      case 'paused':
        return 'the job is paused';
      case 'shutdown':
        return 'the application is shutting down';
      case 'too-late':
        return 'it is too late for that tick';
      case 'no-tick':
        return 'its timer has fired at an instant that is no tick of its schedule, or once more for a tick';
    }
  }

  /** Returns the event, when there are listeners. */
  private publishTick(
    state: 'began' | 'ran' | 'failed',
    failure?: { readonly error: unknown },
  ): TickEvent | undefined {
    const { firing, runtime, startedAt = performance.now() } = this;
    const { manualAtMs } = this.observed;
    const atMs = firing?.atMs ?? manualAtMs;
    if (atMs === undefined || runtime === undefined) return undefined;
    const lateMs = firing?.lateMs ?? 0;
    const trigger = manualAtMs === undefined ? {} : { trigger: 'manual' as const };
    const durationMs = state === 'began' ? undefined : performance.now() - startedAt;
    runtime.ticks.note(this.job, {
      atMs,
      lateMs,
      ...trigger,
      outcome: state === 'began' ? 'running' : state,
      ...(durationMs === undefined ? { runningSince: startedAt } : { durationMs }),
      ...(failure !== undefined && { error: messageOf(failure.error).slice(0, MAX_MESSAGE_LENGTH) }),
    });
    const { events } = runtime.engine;
    if (!events.hasListeners) return undefined;
    const { lockName, method } = this.job;
    return events.emit({
      type: 'tick',
      at: new Date(),
      lockName,
      method,
      tick: new Date(atMs),
      state,
      lateMs,
      ...trigger,
      ...(this.attempt > 1 && { attempt: this.attempt }),
      ...(durationMs !== undefined && { durationMs }),
      ...failure,
    }) as TickEvent;
  }
}
