import type { InstanceReport } from './instance-report.js';
import { type Part, readPart } from './parts.js';
import { readReport } from './read-report.js';

/** So much text is kept of the answers to one question, in characters. */
const MOST_TEXT = 32_000_000;

/** Gathers the answers to one question, by the pid of the backend that has sent them. */
export class RollCall {
  readonly reports = new Map<number, InstanceReport>();
  private readonly parts = new Map<number, Part[]>();
  private room = MOST_TEXT;
  private check = (): void => undefined;

  constructor(readonly questionId: string) {}

  hear(senderPid: number, payload: string): void {
    const part = readPart(payload);
    this.room -= payload.length;
    if (part?.questionId !== this.questionId || this.room < 0 || this.reports.has(senderPid)) return;
    const parts = this.parts.get(senderPid) ?? [];
    this.parts.set(senderPid, parts);
    // They come in the order in which they were sent.
    if (part.index !== parts.length) return;
    parts.push(part);
    if (parts.length < part.count) return;
    this.parts.delete(senderPid);
    const report = readReport(parts.map(({ text }) => text).join(''));
    // Nobody tells of backends without being one of them.
    if (report?.backends.includes(senderPid) !== true) return;
    this.reports.set(senderPid, report);
    this.check();
  }

  /** Whether somebody has told of that backend. */
  hasHeardOf(backendPid: number): boolean {
    for (const { backends } of this.reports.values()) if (backends.includes(backendPid)) return true;
    return false;
  }

  /** Waits until all of these have answered, but not for longer than that, in milliseconds. */
  async complete(backendPids: readonly number[], withinMs: number): Promise<void> {
    const isComplete = (): boolean => backendPids.every((pid) => this.hasHeardOf(pid));
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
}
