import { setTimeout as after } from 'node:timers/promises';
import { ForbiddenException, type HttpException, NotFoundException } from '@nestjs/common';
import { describe, describeNames, type LockLog, type LockName, printable } from '../../core/index.js';
import { textOfError } from '../../fleet/run/run-messages.js';
import { isActive } from '../../jobs/control/job-pauses.js';
import { logFailure } from '../../jobs/run/log-failure.js';
import type { Features } from '../../nest/features.js';
import { within } from '../../nest/within.js';
import type { ControlRequest, JobPauseDetails, PauseRequest, RunResult } from './job-details.js';
import { responseErrorOf } from './response-error.js';

/** How long the database may take for a change, in milliseconds. */
const CHANGE_PATIENCE_MS = 5_000;

/** How long a viewer waits for the end of a run, in milliseconds. */
const RUN_PATIENCE_MS = 5_000;

/** Pauses, resumes and runs jobs for users of the page, and logs the user and the reason. */
export class JobControl {
  private readonly log: LockLog;

  /**
   * @param findNames - the names of the jobs of the fleet.
   */
  constructor(
    private readonly features: Pick<Features, 'engine' | 'fleet' | 'jobs'>,
    readonly isAllowed: boolean,
    private readonly findNames: () => Promise<readonly string[]>,
  ) {
    this.log = features.engine.createLog('AdvisoryLockDashboard');
  }

  /** The lock of a job of the fleet. Throws `NotFoundException` for a name that no instance has. */
  async lockOf(job: string): Promise<LockName> {
    const { known, pauses } = this.features.jobs;
    // The page shows and sends names without characters that are unsafe to print.
    const own = known.find(job)[0] ?? known.all.find(({ lock }) => printable(describeNames(lock)) === job);
    if (own !== undefined) return own.lock;
    if ((await this.findNames()).includes(job)) return job;
    // A pause stays when the instances with the job are gone.
    await pauses.refresh().catch((error: unknown) => {
      throw responseErrorOf(error);
    });
    if (pauses.named(job) !== undefined) return job;
    throw new NotFoundException(`No instance of this namespace has a job with the lock ${describe(job)}.`);
  }

  /** The pause of a job as it was last read; none when it is over. */
  pauseOf(job: string): JobPauseDetails | undefined {
    const pause = this.features.jobs.pauses.named(job);
    if (pause === undefined || !isActive(pause)) return undefined;
    const { pausedAtMs, untilMs, by, reason } = pause;
    return {
      at: new Date(pausedAtMs).toISOString(),
      by,
      ...(reason !== null && { reason }),
      ...(untilMs !== null && { until: new Date(untilMs).toISOString() }),
    };
  }

  async pause({ job, reason, until }: PauseRequest, from: string): Promise<object> {
    const lock = await this.allowedLockOf(job);
    const { jobs, fleet } = this.features;
    const by = `${from}, through the dashboard of ${fleet.instance}`;
    const end = until === undefined ? undefined : new Date(until);
    await this.change(
      jobs.pauses.pause(lock, reason, end, by),
      `was paused${until === undefined ? '' : ` until ${until}`}: ${reason}`,
      job,
      from,
    );
    return {};
  }

  async resume({ job, reason }: ControlRequest, from: string): Promise<object> {
    const lock = await this.allowedLockOf(job);
    await this.change(this.features.jobs.pauses.resume(lock), `was resumed: ${reason}`, job, from);
    return {};
  }

  /** Runs a job under its lock. Resolves when it has ended, or after some seconds. */
  async runNow({ job, reason }: ControlRequest, from: string): Promise<RunResult> {
    const lock = await this.allowedLockOf(job);
    this.note(job, `is run on demand: ${reason}`, from);
    const ended = this.run(lock);
    const patience = new AbortController();
    const result = await Promise.race([
      ended,
      after(RUN_PATIENCE_MS, { end: 'running' } as const, { ref: false, signal: patience.signal }),
    ]);
    patience.abort();
    if (result instanceof Error) throw result;
    return result;
  }

  /** Never rejects: the viewer may have gone, so a failure is logged as well. */
  private async run(lock: LockName): Promise<RunResult | HttpException> {
    const { engine, jobs } = this.features;
    try {
      const outcome = await jobs.onDemand.attempt(lock, 0);
      if (outcome.end === 'done') return { end: 'done' };
      if (outcome.end === 'failed') logFailure(engine.createLog('AdvisoryLock'), outcome.error);
      return { end: outcome.end, message: textOfError(outcome.error) };
    } catch (error) {
      this.log.warn(textOfError(error));
      return responseErrorOf(error);
    }
  }

  private async allowedLockOf(job: string): Promise<LockName> {
    if (this.isAllowed) return this.lockOf(job);
    throw new ForbiddenException(
      'The option `allowControl` of the dashboard must be true to pause, resume and run jobs.',
    );
  }

  /** It is logged when it is done, also when that was too late for the viewer. */
  private async change(changed: Promise<void>, what: string, job: string, from: string): Promise<void> {
    const logged = changed.then(() => {
      this.note(job, what, from);
    });
    try {
      await within(logged, CHANGE_PATIENCE_MS);
    } catch (error) {
      throw responseErrorOf(error);
    }
  }

  private note(job: string, what: string, from: string): void {
    this.log.warn(`The job "${job}" ${what} (through the dashboard, from ${from})`);
  }
}
