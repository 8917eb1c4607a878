import type { SilentBackend } from './fleet-look.js';
import type { InstanceReport } from './instance-report.js';
import { type Part, readPart } from './parts.js';
import { readReport } from './read-report.js';

/** So much text is kept of the answers to one question, in characters. */
const MAX_TEXT = 32_000_000;

/** Gathers the answers to one question. Everybody in the database may send some. */
export class FleetQuery {
  /** By the pid of the backend that has sent them. */
  private readonly heard = new Map<number, InstanceReport>();
  /** Which instance a backend is of, by its application name. */
  private instances = new Map<number, string>();
  private readonly parts = new Map<number, Part[]>();
  private room = MAX_TEXT;
  private check = (): void => undefined;

  constructor(readonly questionId: string) {}

  receive(senderPid: number, payload: string): void {
    const part = readPart(payload);
    this.room -= payload.length;
    if (part?.questionId !== this.questionId || this.room < 0 || this.heard.has(senderPid)) return;
    const parts = this.parts.get(senderPid) ?? [];
    this.parts.set(senderPid, parts);
    // They come in the order in which they were sent.
    if (part.index !== parts.length) return;
    parts.push(part);
    if (parts.length < part.count) return;
    this.parts.delete(senderPid);
    const report = readReport(parts.map(({ text }) => text).join(''));
    if (report === undefined) return;
    this.heard.set(senderPid, report);
    this.check();
  }

  /** What was heard, each with those of the backends that its sender may speak for. */
  get reports(): InstanceReport[] {
    return [...this.heard].map(([senderPid, report]) => ({
      ...report,
      backends: report.backends.filter((pid) => this.reporterOf(pid) === senderPid),
    }));
  }

  hasReportOn(backendPid: number): boolean {
    return this.reporterOf(backendPid) !== undefined;
  }

  /** Waits until all members that count have been heard of, but not for longer than that, in milliseconds. */
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

  /** The pid of who tells of a backend: itself, or another backend of the same instance, as those that wait do not listen. */
  private reporterOf(backendPid: number): number | undefined {
    if (this.heard.has(backendPid)) return backendPid;
    for (const [senderPid, { backends }] of this.heard) {
      const isSame = this.instances.get(senderPid) === this.instances.get(backendPid);
      if (isSame && backends.includes(backendPid)) return senderPid;
    }
    return undefined;
  }
}
