import type { SilentBackend } from './fleet-look.js';
import type { InstanceReport } from './instance-report.js';
import { type Part, readPart } from './parts.js';
import { readReport } from './read-report.js';

/** How much text is kept of the reports to one question, in characters. */
const MAX_TEXT = 32_000_000;

/** Gathers the reports to one question. Any client of the database may send some. */
export class FleetQuery {
  /** The complete reports, by the pid of the backend that has sent them. */
  private readonly received = new Map<number, InstanceReport>();
  /** The instance of a backend, read from its application name. */
  private instances = new Map<number, string>();
  private readonly parts = new Map<number, Part[]>();
  private room = MAX_TEXT;
  private check = (): void => undefined;

  constructor(readonly questionId: string) {}

  receive(senderPid: number, payload: string): void {
    const part = readPart(payload);
    this.room -= payload.length;
    if (part?.questionId !== this.questionId || this.room < 0 || this.received.has(senderPid)) return;
    const parts = this.parts.get(senderPid) ?? [];
    this.parts.set(senderPid, parts);
    // Postgres delivers the notifications of one session in the order in which they were sent.
    if (part.index !== parts.length) return;
    parts.push(part);
    if (parts.length < part.count) return;
    this.parts.delete(senderPid);
    const report = readReport(parts.map(({ text }) => text).join(''));
    if (report === undefined) return;
    this.received.set(senderPid, report);
    this.check();
  }

  /** The reports, each with only those backends that its sender may report on. */
  get reports(): InstanceReport[] {
    return [...this.received].map(([senderPid, report]) => ({
      ...report,
      backends: report.backends.filter((pid) => this.reporterOf(pid) === senderPid),
    }));
  }

  hasReportOn(backendPid: number): boolean {
    return this.reporterOf(backendPid) !== undefined;
  }

  /** Waits until all members that count are reported, but no longer than `withinMs` milliseconds. */
  async complete(
    members: readonly SilentBackend[],
    counts: (backendPid: number) => boolean,
    withinMs: number,
  ): Promise<void> {
    this.instances = new Map(members.map(({ pid, instance }) => [pid, instance]));
    const expected = members.filter(({ pid }) => counts(pid));
    const isComplete = (): boolean => expected.every(({ pid }) => this.hasReportOn(pid));
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, withinMs));
      this.check = (): void => {
        if (!isComplete()) return;
        clearTimeout(timer);
        resolve();
      };
      this.check();
    });
  }

  /**
   * The pid of the backend that reports on a backend: itself, or another one of the same instance, because
   * waiting sessions do not listen.
   */
  private reporterOf(backendPid: number): number | undefined {
    if (this.received.has(backendPid)) return backendPid;
    for (const [senderPid, { backends }] of this.received) {
      const isSame = this.instances.get(senderPid) === this.instances.get(backendPid);
      if (isSame && backends.includes(backendPid)) return senderPid;
    }
    return undefined;
  }
}
