import {
  AdvisoryLockError,
  defaultInstanceName,
  type KeyBook,
  type LockKey,
  type LockTable,
  type Notification,
} from '../core/index.js';
import { inspect, type Inspected, type Look } from '../inspection/inspect-locks.js';
import { Answers } from './fleet-responder.js';
import { answersFor, QUESTIONS } from './channels.js';
import { enrichLocks } from './enrich-locks.js';
import type { FleetLook } from './fleet-look.js';
import type { InstanceReport, ReportedJob, ReportedLock } from './instance-report.js';
import { localLocks, mostTelling } from './local-locks.js';
import { asciiJson } from './parts.js';
import { newQuestion, type Question } from './question.js';
import { RollCall } from './fleet-query.js';

export interface FleetOptions {
  /** What this instance is called. */
  readonly instance?: string | undefined;
  /** Whether it listens to the others, answers them and asks. */
  readonly isJoined?: boolean | undefined;
}

export interface FleetQuestion {
  /** Only locks on these keys; without it, all. */
  readonly keys?: readonly LockKey[] | undefined;
  /** How long to wait for answers, in milliseconds. 0 asks nobody but this instance, and `undefined` not even that. */
  readonly withinMs?: number | undefined;
}

/**
 * What the instances on a database tell each other, by NOTIFY between the sessions that they have their locks on: names, since when a
 * lock is held, who waits inside of a process. It costs nothing as long as nobody asks.
 *
 * What others tell is for display alone: everybody who can connect to the database may listen, ask and answer.
 */
export class Fleet {
  readonly instance: string;
  /** What this instance tells of its jobs. */
  reportJobs: () => readonly ReportedJob[] = () => [];
  private readonly startedAt = performance.now();
  private readonly isJoined: boolean;
  private readonly answers: Answers;
  private readonly calls = new Map<string, RollCall>();
  /** Who did not answer the last time: nobody waits for them again until they are heard. */
  private silentPids = new Set<number>();

  /** To be made before the table connects. */
  constructor(
    private readonly table: LockTable,
    private readonly keys: KeyBook,
    { instance = defaultInstanceName(), isJoined = true }: FleetOptions = {},
  ) {
    this.instance = instance;
    this.isJoined = isJoined;
    this.answers = new Answers(
      (statement) => table.look(statement),
      () => {
        const locks = localLocks(table, (key) => keys.originOf(key));
        return (about) => this.reportOn(locks, about);
      },
    );
    if (!isJoined) return;
    table.listening = {
      channelsOf: (backendPid) => [QUESTIONS, answersFor(backendPid)],
      onNotification: (notification) => {
        this.hear(notification);
      },
    };
  }

  /** What this instance tells of itself, of all keys or of these. */
  report(about: readonly string[] = []): InstanceReport {
    return this.reportOn(
      localLocks(this.table, ({ name }) => name),
      about,
    );
  }

  /**
   * Looks at the locks of the database, and asks the fleet in the same statement. It waits for answers until all have answered who have
   * connections, but not again for those who did not the last time.
   */
  async look({ keys = [], withinMs }: FleetQuestion = {}): Promise<FleetLook> {
    const question = newQuestion(keys.map(({ id }) => id));
    const call = new RollCall(question.id);
    const deadline = performance.now() + (withinMs ?? 0);
    const mayAsk = this.isJoined && (withinMs ?? 0) > 0 && (await this.table.isListening());
    this.calls.set(question.id, call);
    try {
      const asked = mayAsk ? question : undefined;
      const { isAsked, members: connected, ...seen } = await this.inspect(keys, asked, withinMs);
      if (withinMs === undefined) return { ...seen, reports: [], silent: [], isAsked };
      const own = this.report(question.keys);
      const members = connected.filter(({ pid }) => !own.backends.includes(pid));
      if (isAsked) {
        const counts = (pid: number): boolean => !this.silentPids.has(pid);
        await call.complete(members, counts, deadline - performance.now());
      }
      const reports = [own, ...this.believed(call)];
      const silent = members.filter(({ pid }) => !call.hasHeardOf(pid));
      if (isAsked) this.silentPids = new Set(silent.map(({ pid }) => pid));
      const nameOf = (keyId: string): string | undefined => this.keys.knownNameOf(keyId);
      return { ...seen, locks: enrichLocks(seen.locks, reports, nameOf), reports, silent, isAsked };
    } finally {
      this.calls.delete(question.id);
    }
  }

  private async inspect(
    keys: readonly LockKey[],
    question: Question | undefined,
    withinMs: number | undefined,
  ): Promise<Inspected & { isAsked: boolean }> {
    const options = {
      keys,
      nameOf: (keyId: string) => this.keys.knownNameOf(keyId),
      wantsMembers: withinMs !== undefined,
    };
    const look: Look = (statement) => this.table.look(statement);
    if (question !== undefined) {
      try {
        return { ...(await inspect(look, { ...options, question: asciiJson(question) })), isAsked: true };
      } catch (error) {
        if (error instanceof AdvisoryLockError) throw error;
        // The server does not let anybody be asked at the moment; there are still the locks.
      }
    }
    return { ...(await inspect(look, options)), isAsked: false };
  }

  /** Never throws: it is called by the connection that the locks are on. */
  private hear({ channel, payload = '', processId }: Notification): void {
    if (this.table.backendPids.includes(processId)) return;
    if (channel === QUESTIONS) {
      this.answers.hear(processId, payload);
      return;
    }
    this.silentPids.delete(processId);
    for (const call of this.calls.values()) call.hear(processId, payload);
  }

  private reportOn(locks: readonly ReportedLock[], about: readonly string[]): InstanceReport {
    return {
      instance: this.instance,
      backends: this.table.backendPids,
      upMs: Math.round(performance.now() - this.startedAt),
      locks: mostTelling(locks, about),
      jobs: this.reportJobs(),
    };
  }

  /** The reports with the names that are sure to be those of their keys, which are also remembered. */
  private believed({ reports }: RollCall): InstanceReport[] {
    return reports.map((report) => ({
      ...report,
      locks: report.locks.map((lock) => ({
        ...lock,
        name: this.keys.learn(lock.key, lock.name) ?? lock.key,
      })),
    }));
  }
}
