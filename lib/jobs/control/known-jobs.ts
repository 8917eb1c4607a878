import { describeNames, LockConfigurationError, type LockName } from '../../core/index.js';
import { jobIdOf, nameOf } from '../run/job-name.js';
import { listNames } from '../run/list-names.js';
import type { FindTimes } from '../schedule/job-times.js';

/** The jobs to remember: an application may make jobs at run time without end. */
const MAX_JOBS = 1_000;

/** An exclusive job of this instance. */
export interface KnownJob {
  readonly lock: LockName;
  /** Such as `Reports.nightly`. */
  readonly method: string;
  /** The leadership under which it runs. */
  readonly leader: LockName | undefined;
  /** Whether its timer runs in this instance. */
  readonly isTimed: boolean;
  /** When it is due, where that is the same in the whole fleet. */
  readonly findTimes: FindTimes | undefined;
  /** For how long a claim is kept, where an option says so, in milliseconds. */
  readonly claimMs: number | undefined;
  readonly jitterMs: number | undefined;
  /** Whether it has tick: 'record'. */
  readonly isRecorded: boolean;
  readonly instance: object;
  readonly methodName: string;
  readonly call: () => Promise<unknown>;
}

/** The exclusive jobs of one configured module in this instance, for those that operate them. */
export class KnownJobs {
  private readonly jobs = new Map<string, KnownJob>();

  add(job: KnownJob): void {
    this.jobs.set(jobIdOf(nameOf(job)), job);
    const [oldest] = this.jobs.keys();
    if (this.jobs.size > MAX_JOBS && oldest !== undefined) this.jobs.delete(oldest);
  }

  get all(): readonly KnownJob[] {
    return [...this.jobs.values()];
  }

  /** The locks of all jobs, as the application wrote them. */
  get lockNames(): readonly string[] {
    return this.all.map(({ lock }) => describeNames(lock));
  }

  /** The jobs with a lock of that name: a lock may have several. */
  find(name: LockName): readonly KnownJob[] {
    const wanted = describeNames(name);
    return this.all.filter(({ lock }) => describeNames(lock) === wanted);
  }

  /** @throws `LOCK_CONFIGURATION` for a job that this instance does not have. */
  require(name: LockName, where: string): readonly KnownJob[] {
    const found = this.find(name);
    if (found.length > 0) return found;
    const names = [...new Set(this.lockNames)].map((lockName) => `"${lockName}"`);
    throw new LockConfigurationError(
      `${where} needs the name of the lock of a job, without the namespace, received ` +
        `"${describeNames(name)}", which no job of this instance has. ` +
        (names.length === 0 ? 'This instance has no job.' : `This instance has ${listNames(names)}.`),
      { lockName: describeNames(name) },
    );
  }

  /**
   * The one job with a lock of that name; `undefined` when this instance has none.
   *
   * @throws `LOCK_CONFIGURATION` for a lock of several jobs.
   */
  findOne(name: LockName, where: string): KnownJob | undefined {
    const [job, ...more] = this.find(name);
    if (job === undefined || more.length === 0) return job;
    throw new LockConfigurationError(
      `${where} needs the name of one job, received "${describeNames(name)}", the lock of ` +
        `${listNames([job, ...more].map(({ method }) => method))}. Call the method by hand.`,
      { lockName: describeNames(name) },
    );
  }
}
