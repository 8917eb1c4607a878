import type { AdvisoryLock, LockName } from '../core/index.js';
import { diagnose } from '../inspection/diagnose.js';
import type { Diagnosis } from '../inspection/diagnosis.js';
import { JOB_RUNTIME } from '../jobs/job-host.js';
import type { JobRuntime } from '../jobs/job-runtime.js';
import type { RunTimeJobOptions, ScheduledJob } from '../jobs/run-time-jobs.js';
import type { Leadership, LeadOptions } from '../leadership/leadership.js';
import type { LeadershipBody } from '../leadership/leadership-body.js';
import type { AdvisoryLease } from '../lease/advisory-lease.js';
import type { LeaseOptions, ResumeLeaseOptions } from '../lease/lease.options.js';
import type { OnceOptions } from '../lease/once/once.options.js';
import type { Shares } from '../shares/shares.js';
import type { SharesOptions } from '../shares/shares.options.js';
import { FEATURES, type Features } from './features.js';
import { LockMethods } from './lock-methods.js';

/**
 * Takes locks by hand. Inject it by its class, or with `@InjectAdvisoryLock('name')` where several modules
 * are configured.
 *
 * Every method that takes a lock may reject with `LOCK_CONNECTION` (the database cannot be reached),
 * `LOCK_CAPACITY` (the lock table of the server is full), `LOCK_CONFIGURATION` (an invalid name or option) or
 * `LOCK_SHUTDOWN` (the application shuts down). Nothing is locked then.
 *
 * @example
 * ```ts
 * constructor(private readonly locks: AdvisoryLockService) {}
 *
 * async import(): Promise<void> {
 *   await this.locks.withLock('import', async (lock) => {
 *     for (const file of await this.files()) {
 *       lock.signal.throwIfAborted();
 *       await this.load(file);
 *     }
 *   });
 * }
 * ```
 */
export class AdvisoryLockService extends LockMethods {
  /** @internal */
  readonly [FEATURES]: Features;

  /** @internal */
  constructor(features: Features) {
    super(features.engine);
    this[FEATURES] = features;
  }

  /**
   * Campaigns for the leadership of the fleet under that name, until it is stopped or the application shuts
   * down, and runs the body while this instance leads. The leader holds the lock of that name, and the body
   * runs inside that lock. Returns the handle at once; its `isLeader` says whether it leads.
   *
   * - The leadership lasts until it is stopped or lost, whether or not the body has returned.
   * - The body's signal aborts when the leadership ends: with a `LockLostError` when it was lost, with an
   *   `AbortError` when it was stopped.
   * - When it was stopped, the lock is given back once the body has settled. When it was lost, the next term
   *   begins after that.
   * - The error of a body is logged, and the leadership is given up, so that a broken instance does not keep
   *   it.
   * - The campaign continues after a loss, a failure and an outage of the database, after a pause that grows
   *   from 0.1 to 5 s.
   *
   * While another instance leads, the campaign takes one of the module's `maxConnections`.
   *
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid name or option,
   * {@link LockShutdownError} (`LOCK_SHUTDOWN`).
   * @example
   * ```ts
   * const leadership = locks.lead('feed', async (signal) => {
   *   for await (const event of this.feed.follow({ signal })) await this.store(event);
   * });
   * // …
   * await leadership.stop();
   * ```
   */
  lead(name: LockName, body: LeadershipBody, options?: LeadOptions): Leadership {
    return this[FEATURES].leaderships.lead(name, body, options);
  }

  /**
   * Returns whether this process leads under that name: by `lead`, by `@OnLeadership`, or for a job with that
   * `leader`. It reads memory: while the network is gone it may return true for up to `lostAfterMs`, and
   * another instance may lead soon after.
   *
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid name.
   * @example
   * ```ts
   * if (locks.isLeader('feed')) this.logger.log('this instance leads');
   * ```
   */
  isLeader(name: LockName): boolean {
    return this[FEATURES].leaderships.isLeader(name);
  }

  /**
   * Takes a lease: a lock that outlives this process, as it belongs to no connection. It ends after `ttlMs`
   * by the clock of the server, unless it is extended or released before. It needs the table `advisory_lease`
   * in the application's database, and excludes other leases of that name alone, not locks.
   *
   * A lease that the calling code has is as busy for it as for others.
   *
   * @throws {@link LockUnavailableError} (`LOCK_UNAVAILABLE`) when it is busy, {@link LockTimeoutError}
   * (`LOCK_TIMEOUT`) when it stayed busy for all of `waitMs`, the reason of `signal` when that aborts the
   * wait, {@link LockLostError} (`LOCK_LOST`) when its time was over before the response was here,
   * {@link LockConnectionError} (`LOCK_CONNECTION`), {@link LockConfigurationError} (`LOCK_CONFIGURATION`)
   * for an invalid name or option and when the table is missing, {@link LockShutdownError}
   * (`LOCK_SHUTDOWN`).
   * @example
   * ```ts
   * const lease = await locks.lease(`doc:${id}`, { ttlMs: 600_000, owner: 'ada@example.com' });
   * return { editToken: lease.token };
   * ```
   */
  lease(name: string, options: LeaseOptions): Promise<AdvisoryLease> {
    return this[FEATURES].leases.lease(name, options);
  }

  /**
   * Goes on with a lease that was taken before, in whatever process, with the same fencing token.
   *
   * @param token - the `token` of the lease.
   * @throws {@link LockLostError} (`LOCK_LOST`) when the lease has ended, {@link LockConfigurationError}
   * (`LOCK_CONFIGURATION`) for a token of another lease, and when the table is missing,
   * {@link LockConnectionError} (`LOCK_CONNECTION`), {@link LockShutdownError} (`LOCK_SHUTDOWN`).
   * @example
   * ```ts
   * const lease = await locks.resumeLease(`doc:${id}`, editToken);
   * await lease.extend();
   * ```
   */
  resumeLease(name: string, token: string, options?: ResumeLeaseOptions): Promise<AdvisoryLease> {
    return this[FEATURES].leases.resume(name, token, options);
  }

  /**
   * Runs the body while a lease is held, releases the lease, and resolves to the result of the body. The
   * error of the body passes through untouched. When the process dies, the lease lasts until its time is
   * over.
   *
   * @param body - what runs meanwhile; it gets the {@link AdvisoryLease}, whose signal aborts before another
   * caller can have the lease.
   * @throws as `lease`, when the body did not run; {@link LockLostError} (`LOCK_LOST`) when the lease was
   * lost while the body ran and the body threw nothing itself.
   * @example
   * ```ts
   * await locks.withLease('export', ({ signal }) => load('export.csv', { signal }), {
   *   ttlMs: 60_000,
   *   keepAlive: true,
   * });
   * ```
   */
  withLease<T>(
    name: string,
    body: (lease: AdvisoryLease) => T | PromiseLike<T>,
    options: LeaseOptions,
  ): Promise<T> {
    return this[FEATURES].leases.withLease(name, body, options);
  }

  /**
   * Runs the body once per database and version, however many instances start: `{ ran: true }` where it ran,
   * and `{ ran: false }` where another call had run it. Calls that come meanwhile wait. A body that fails
   * runs again at the next call, and so does one whose process died in the middle: it must bear to be
   * repeated.
   * It needs the table `advisory_once` in the application's database, and holds the lock `once:<name>`.
   *
   * @param body - what runs; it gets the {@link AdvisoryLock}, whose signal aborts when the lock is lost.
   * @throws the error of the body; {@link LockUnavailableError} (`LOCK_UNAVAILABLE`) and
   * {@link LockTimeoutError} (`LOCK_TIMEOUT`) when another instance ran it for all of `waitMs`,
   * {@link LockLostError} (`LOCK_LOST`), {@link LockReentryError} (`LOCK_REENTERED`),
   * {@link LockConnectionError} (`LOCK_CONNECTION`), {@link LockCapacityError} (`LOCK_CAPACITY`),
   * {@link LockConfigurationError} (`LOCK_CONFIGURATION`), {@link LockShutdownError} (`LOCK_SHUTDOWN`).
   * @example
   * ```ts
   * const { ran } = await locks.once('seed-plans', () => manager.save(rows), { version: '2026-11' });
   * ```
   */
  once(
    name: string,
    body: (lock: AdvisoryLock) => unknown,
    options?: OnceOptions,
  ): Promise<{ readonly ran: boolean }> {
    return this[FEATURES].onceRuns.run(name, body, options);
  }

  /**
   * Divides work among the instances of the fleet: `of` shards, each owned by one instance at a time, and by
   * each instance as many as by the others, or one more. Calls `onGain` for each shard that this instance
   * owns, inside the lock of the shard, until it is stopped or the application shuts down. Returns the handle
   * at once; its `owned` lists the shards of this instance.
   *
   * - When an instance joins or leaves, a shard moves only where the even share requires it, and none between
   *   two instances that stay.
   * - When a shard is to move, the signal of its body aborts, and the next owner starts when the body and
   *   `onLose` have settled.
   * - When an instance dies, its shards are owned again within seconds.
   * - The error of a body is logged, and its shard is given up for a moment.
   *
   * @param name - the name of what is divided.
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid name or option, and for a
   * name that this process shares already, {@link LockShutdownError} (`LOCK_SHUTDOWN`).
   * @example
   * ```ts
   * const shares = locks.shares('tenants', {
   *   of: 64,
   *   onGain: (shard, signal) => this.work(shard, signal),
   * });
   * // …
   * await shares.stop();
   * ```
   */
  shares(name: string, options: SharesOptions): Shares {
    return this[FEATURES].shareGroups.shares(name, options);
  }

  /**
   * Checks whether the application can rely on its locks: the server, a pooler in between, the settings in
   * force, room for locks and connections, the clocks. Opens the lock connection when there is none.
   * Never rejects: a server that cannot be reached is a problem in the report.
   *
   * The module does this when the application starts, and logs the result.
   *
   * @example
   * ```ts
   * const { isHealthy, problems } = await locks.diagnose();
   * ```
   */
  diagnose(): Promise<Diagnosis> {
    return diagnose(this[FEATURES].engine);
  }

  /**
   * Makes a job at run time whose ticks each run in one instance of the fleet, as `@ExclusiveCron` does for a
   * method. Adds the job to the `SchedulerRegistry` under its name, starts it, and resolves to it. Adding,
   * changing and removing it (`SchedulerRegistry.deleteCronJob(name)`) is local: each instance that takes
   * part must do it. Needs the package `cron`, which @nestjs/schedule uses.
   *
   * @param name - the name of the job in this instance, and of its lock unless the option `lock` says
   * otherwise.
   * @param expression - a cron expression, or a date.
   * @param body - what runs for each tick; it gets its tick from {@link currentTick}.
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) when `ScheduleModule.forRoot()` is not
   * imported, the package `cron` or the table of records is missing, or an option is invalid; the error of
   * `cron` for an invalid expression; the error of the registry for a name that it has already.
   * @example
   * ```ts
   * await locks.exclusiveJob(`invoice:${customer.id}`, customer.schedule, async () => {
   *   await this.invoices.write(customer.id);
   * });
   * ```
   */
  async exclusiveJob(
    name: string,
    expression: string | Date,
    body: () => unknown,
    options: RunTimeJobOptions = {},
  ): Promise<ScheduledJob> {
    return this[FEATURES].runTimeJobs.add(name, expression, body, options);
  }

  /** What decorated jobs use. @internal */
  get [JOB_RUNTIME](): JobRuntime {
    return this[FEATURES].jobs;
  }
}
