import {
  AdvisoryLockError,
  defaultInstanceName,
  type LockKey,
  type LockRuntime,
  type Notification,
} from '../core/index.js';
import { type Inspected, inspectLocks, type RunQuery } from '../inspection/inspect-locks.js';
import { QUESTIONS } from './channels.js';
import { DroppedReports } from './dropped-reports.js';
import { enrichLocks } from './enrich-locks.js';
import { FloodGuard } from './flood-guard.js';
import type { FleetLook } from './fleet-look.js';
import { FleetQuery } from './fleet-query.js';
import { FleetResponder } from './fleet-responder.js';
import { FleetSignatures, questionContext, reportContext } from './fleet-signatures.js';
import type { InstanceReport, ReportedJob, ReportedLock, ReportedWait } from './instance-report.js';
import { isJobNotice } from './job-notice.js';
import { localLocks, mostRelevant, withoutLongNames } from './local-locks.js';
import { localWaits } from './local-waits.js';
import { asciiJson } from './parts.js';
import { newQuestion, type Question } from './question.js';
import { FleetMessages } from './run/fleet-messages.js';
import { WakeUpNotices } from './wake-up-notices.js';

export interface FleetOptions {
  /** The name of this instance. */
  readonly instance?: string | undefined;
  /** Whether it asks other instances and responds to them. Its engine then listens on `fleetChannels`. */
  readonly isJoined?: boolean | undefined;
  /** What this instance reports about its jobs. */
  readonly reportJobs?: (() => readonly ReportedJob[]) | undefined;
  /**
   * Signs questions, reports and messages about jobs, so that those of strangers are recognized; the first of
   * several signs.
   */
  readonly secret?: string | readonly string[] | undefined;
}

export interface FleetInspection {
  /** Only locks on these keys; without it, all. */
  readonly keys?: readonly LockKey[] | undefined;
  /**
   * How long to wait for reports, in milliseconds. With 0 only this instance reports; with `undefined` none
   * does.
   */
  readonly withinMs?: number | undefined;
}

/** What the fleet needs of an engine. */
export type FleetRuntime = Pick<
  LockRuntime,
  | 'keys'
  | 'server'
  | 'activities'
  | 'claims'
  | 'table'
  | 'backendPids'
  | 'closeSignal'
  | 'createLog'
  | 'onNotification'
>;

/**
 * What the instances on a database report to each other, by NOTIFY between the sessions that hold their
 * locks: names, since when a lock is held, which calls wait inside a process. It costs nothing until one of
 * them asks.
 *
 * What others report is for display only: any client that can connect to the database may listen, ask and
 * respond. Reports of a session that may be no instance of this fleet are marked as unconfirmed.
 */
export class Fleet {
  readonly instance: string;
  private readonly startedAt = performance.now();
  /** Whether it asks other instances and responds to them. */
  readonly isJoined: boolean;
  private readonly reportJobs: () => readonly ReportedJob[];
  private readonly dropped: DroppedReports;
  private readonly signatures: FleetSignatures | undefined;
  private readonly responder: FleetResponder;
  /** Orders to run and cancel jobs, and what comes of them. */
  readonly messages: FleetMessages;
  private readonly wakeUps: WakeUpNotices;
  private readonly floodGuard: FloodGuard;
  private readonly queries = new Map<string, FleetQuery>();
  /** Backends that did not respond the last time. No query waits for them until they send a report. */
  private silentPids = new Set<number>();

  constructor(
    private readonly runtime: FleetRuntime,
    { instance = defaultInstanceName(), isJoined = true, reportJobs = () => [], secret }: FleetOptions = {},
  ) {
    this.instance = instance;
    this.isJoined = isJoined;
    this.reportJobs = reportJobs;
    const log = runtime.createLog('AdvisoryLockFleet');
    this.dropped = new DroppedReports(log);
    this.floodGuard = new FloodGuard({
      pauseListening: (pauseMs) => runtime.server.pauseListening(pauseMs),
      log,
    });
    this.signatures = secret === undefined ? undefined : new FleetSignatures(secret);
    this.responder = new FleetResponder({
      send: (statement) => runtime.server.reply(statement),
      snapshot: () => {
        const originOf = (key: LockKey): string => runtime.keys.originOf(key);
        const locks = localLocks(runtime, originOf);
        const waits = localWaits(runtime.table, originOf);
        return (about) => {
          const report = this.reportOn(locks, waits, about);
          return { ...report, locks: withoutLongNames(report.locks) };
        };
      },
      dropped: this.dropped,
      signatures: this.signatures,
    });
    this.messages = new FleetMessages(runtime, this.dropped, this.signatures);
    this.wakeUps = new WakeUpNotices(runtime, this.dropped);
    if (!isJoined) return;
    runtime.table.wakeUps.join(this.wakeUps);
    runtime.onNotification((notification) => {
      this.receive(notification);
    });
    runtime.closeSignal.addEventListener(
      'abort',
      () => {
        for (const query of this.queries.values()) query.end();
      },
      { once: true },
    );
  }

  /** How many notifications of others, and parts of their reports, were not used since the start. */
  get droppedCount(): number {
    return this.dropped.count;
  }

  /** What this instance reports about itself: about all keys, or about these. */
  report(about: readonly string[] = []): InstanceReport {
    const nameOf = ({ name }: LockKey): string => name;
    return this.reportOn(localLocks(this.runtime, nameOf), localWaits(this.runtime.table, nameOf), about);
  }

  /**
   * Inspects the locks of the database, and asks the fleet in the same statement. It waits until all members
   * with a connection have responded, except for those that did not the last time.
   */
  async inspect({ keys = [], withinMs }: FleetInspection = {}): Promise<FleetLook> {
    const question = newQuestion(keys.map(({ id }) => id));
    const query = this.newQuery(question.id);
    const deadline = performance.now() + (withinMs ?? 0);
    const mayAsk = this.isJoined && (withinMs ?? 0) > 0 && (await this.runtime.server.isListening());
    this.queries.set(question.id, query);
    try {
      const asked = mayAsk ? question : undefined;
      const { isAsked, members, ownRole, ...seen } = await this.inspectLocks(keys, asked, withinMs);
      if (withinMs === undefined) return { ...seen, reports: [], silent: [], isAsked };
      const seenAt = performance.now();
      const own = this.report(question.keys);
      const others = members.filter(({ pid }) => !own.backends.includes(pid));
      if (isAsked) {
        const counts = (pid: number): boolean => !this.silentPids.has(pid);
        const waitMs = this.runtime.closeSignal.aborted ? 0 : deadline - performance.now();
        await query.complete({ backends: others, ownRole }, counts, waitMs);
      }
      const reports = [own, ...this.verifiedReports(query)];
      const now = new Date(seen.now.getTime() + performance.now() - seenAt);
      const locks = enrichLocks(seen.locks, reports, now, this.nameOf);
      const silent = others
        .filter(({ pid }) => !query.hasReportOn(pid))
        .map(({ pid, instance }) => ({ pid, instance }));
      if (isAsked) this.silentPids = new Set(silent.map(({ pid }) => pid));
      return { ...seen, locks, reports, silent, isAsked };
    } finally {
      this.queries.delete(question.id);
    }
  }

  private newQuery(questionId: string): FleetQuery {
    const { signatures } = this;
    if (signatures === undefined) return new FleetQuery(questionId, this.dropped);
    return new FleetQuery(questionId, this.dropped, (senderPid, text) =>
      signatures.verify(reportContext(questionId, senderPid, this.listeningPid), text),
    );
  }

  /** The backend of the session that listens and notifies. */
  private get listeningPid(): number {
    return this.runtime.backendPids[0] ?? 0;
  }

  private readonly query: RunQuery = (statement) => this.runtime.server.query(statement);

  private readonly nameOf = (keyId: string): string | undefined => this.runtime.keys.knownNameOf(keyId);

  private async inspectLocks(
    keys: readonly LockKey[],
    question: Question | undefined,
    withinMs: number | undefined,
  ): Promise<Inspected & { isAsked: boolean }> {
    const options = { keys, nameOf: this.nameOf, wantsMembers: withinMs !== undefined };
    if (question !== undefined) {
      const json = asciiJson(question);
      const payload = this.signatures?.sign(questionContext(this.listeningPid), json) ?? json;
      const notification = { channel: QUESTIONS, payload };
      try {
        return { ...(await inspectLocks(this.query, { ...options, notification })), isAsked: true };
      } catch (error) {
        if (error instanceof AdvisoryLockError) throw error;
        // The server refuses NOTIFY at the moment, such as when its queue is full; the locks can still be
        // seen.
      }
    }
    return { ...(await inspectLocks(this.query, options)), isAsked: false };
  }

  /** Never throws: it is called by the connection that holds the locks. */
  private receive(notification: Notification): void {
    const { channel, payload = '', processId } = notification;
    if (!this.floodGuard.allows() || this.runtime.backendPids.includes(processId)) return;
    if (isJobNotice(notification) || this.wakeUps.receive(notification)) return;
    if (this.messages.receive(notification)) return;
    if (channel === QUESTIONS) {
      this.responder.receive(processId, payload);
      return;
    }
    this.silentPids.delete(processId);
    for (const query of this.queries.values()) query.receive(processId, payload);
  }

  private reportOn(
    locks: readonly ReportedLock[],
    waits: readonly ReportedWait[],
    about: readonly string[],
  ): InstanceReport {
    return {
      instance: this.instance,
      backends: this.runtime.backendPids,
      upMs: Math.round(performance.now() - this.startedAt),
      locks: mostRelevant(locks, about),
      ...(waits.length > 0 && { waits }),
      prefix: this.runtime.keys.prefix,
      jobs: this.reportJobs(),
    };
  }

  /**
   * The reports, with only names that do belong to their keys and come from a confirmed instance. These names
   * are also remembered.
   */
  private verifiedReports({ reports }: FleetQuery): InstanceReport[] {
    return reports.map((report) => ({
      ...report,
      locks: report.locks.map((lock) => ({ ...lock, name: this.verifiedName(report, lock.key, lock.name) })),
      ...(report.waits !== undefined && {
        waits: report.waits.map((wait) => this.verifiedWait(report, wait)),
      }),
    }));
  }

  private verifiedWait(report: InstanceReport, wait: ReportedWait): ReportedWait {
    const nameOf = (keyId: string, origin: string): string => this.verifiedName(report, keyId, origin);
    return {
      ...wait,
      name: nameOf(wait.keys[0] ?? '', wait.name),
      inside: wait.inside.map((kept) => ({ ...kept, name: nameOf(kept.key, kept.name) })),
    };
  }

  private verifiedName({ isUnconfirmed }: InstanceReport, keyId: string, origin: string): string {
    return (isUnconfirmed === true ? undefined : this.runtime.keys.learnReported(keyId, origin)) ?? keyId;
  }
}
