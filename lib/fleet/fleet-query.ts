import type { LibraryBackend } from '../inspection/inspect-locks.js';
import type { DroppedReports } from './dropped-reports.js';
import type { InstanceReport } from './instance-report.js';
import { type Part, readPart } from './parts.js';
import { readReport } from './read-report.js';

/**
 * How much text is kept of the reports to one question, in characters, and how many reports: from sessions of
 * the role of the asker, and from those of each other role. So no role takes the room of another.
 */
const ROOM = {
  ofOwnRole: { text: 32_000_000, reports: 2_000 },
  ofOtherRole: { text: 8_000_000, reports: 200 },
};

/** How many notifications are kept that arrive before it is known which sessions there are. */
const MAX_EARLY = 1_000;

/** The sessions of this library that there were when the question was sent. */
export interface FleetMembers {
  readonly backends: readonly LibraryBackend[];
  /** The role of the asker; `undefined` where it is not known. */
  readonly ownRole: number | undefined;
}

interface Room {
  text: number;
  reports: number;
}

/** Gathers the reports to one question. Any client of the database may send some. */
export class FleetQuery {
  private members = new Map<number, LibraryBackend>();
  private ownRole: number | undefined;
  private early: [senderPid: number, payload: string][] | undefined = [];
  private readonly rooms = new Map<number | undefined, Room>();
  private readonly parts = new Map<number, Part[]>();
  /** The reports, by the pid of the backend that has sent them. */
  private readonly received = new Map<number, InstanceReport>();
  /** The backend that reports on a backend: itself, or another one of its instance. */
  private readonly reporters = new Map<number, number>();
  private readonly pending = new Set<number>();
  private finish = (): void => undefined;

  constructor(
    readonly questionId: string,
    private readonly dropped: DroppedReports,
    /** Checks the signature of a report; missing in a fleet without a secret. */
    private readonly isSigned?: (senderPid: number, text: string) => boolean,
  ) {}

  receive(senderPid: number, payload: string): void {
    if (this.early === undefined) this.read(senderPid, payload);
    else if (this.early.length < MAX_EARLY) this.early.push([senderPid, payload]);
    else this.dropped.note(senderPid, 'a part of a report');
  }

  /**
   * Waits until all members that count have reported, but no longer than `withinMs` milliseconds, nor after
   * `end()`.
   */
  async complete(
    { backends, ownRole }: FleetMembers,
    counts: (backendPid: number) => boolean,
    withinMs: number,
  ): Promise<void> {
    this.members = new Map(backends.map((backend) => [backend.pid, backend]));
    this.ownRole = ownRole;
    for (const { pid } of backends) if (counts(pid)) this.pending.add(pid);
    const early = this.early ?? [];
    this.early = undefined;
    for (const [senderPid, payload] of early) this.read(senderPid, payload);
    if (this.pending.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, withinMs));
      this.finish = (): void => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the wait for further reports. */
  end(): void {
    this.finish();
  }

  /** The reports, each with only those backends that its sender may report on. */
  get reports(): InstanceReport[] {
    const backends = new Map<number, number[]>([...this.received.keys()].map((pid) => [pid, []]));
    for (const [pid, senderPid] of this.reporters) backends.get(senderPid)?.push(pid);
    return [...this.received].map(([senderPid, report]) => ({
      ...report,
      backends: (backends.get(senderPid) ?? []).sort((a, b) => a - b),
    }));
  }

  hasReportOn(backendPid: number): boolean {
    return this.reporters.has(backendPid);
  }

  private read(senderPid: number, payload: string): void {
    const part = readPart(payload);
    if (part?.questionId !== this.questionId) return;
    const parts = this.parts.get(senderPid) ?? [];
    // Postgres delivers the notifications of one session in the order in which they were sent.
    if (this.received.has(senderPid) || part.index !== parts.length || !this.takeRoom(senderPid, part)) {
      this.dropped.note(senderPid, 'a part of a report');
      return;
    }
    this.parts.set(senderPid, parts);
    parts.push(part);
    if (parts.length < part.count) return;
    this.parts.delete(senderPid);
    this.accept(senderPid, parts.map(({ text }) => text).join(''));
  }

  private takeRoom(senderPid: number, { index, text }: Part): boolean {
    const role = this.members.get(senderPid)?.role;
    const isOwn = role !== undefined && role === this.ownRole;
    const room = this.rooms.get(role) ?? { ...(isOwn ? ROOM.ofOwnRole : ROOM.ofOtherRole) };
    this.rooms.set(role, room);
    if (room.text < text.length || (index === 0 && room.reports === 0)) return false;
    room.text -= text.length;
    if (index === 0) room.reports -= 1;
    return true;
  }

  private accept(senderPid: number, text: string): void {
    const { report, dropped } = readReport(text) ?? {};
    if (report === undefined || dropped === undefined) {
      this.dropped.note(senderPid, 'a report that is none');
      return;
    }
    this.dropped.note(senderPid, 'a part of a report that is out of range', dropped);
    const isConfirmed = this.isConfirmed(senderPid, report, text);
    this.received.set(senderPid, isConfirmed ? report : { ...report, isUnconfirmed: true });
    // A backend that reports itself needs no other one that does.
    this.reporters.set(senderPid, senderPid);
    this.pending.delete(senderPid);
    if (isConfirmed) this.speakForOthers(senderPid, report);
    if (this.pending.size === 0) this.finish();
  }

  /**
   * Whether the sender is an instance of this fleet: a session of this library that has the secret, or, in a
   * fleet without one, the role of the asker, which may end its backends anyway.
   */
  private isConfirmed(senderPid: number, { backends }: InstanceReport, text: string): boolean {
    const role = this.members.get(senderPid)?.role;
    if (role === undefined || !backends.includes(senderPid)) return false;
    return this.isSigned === undefined ? role === this.ownRole : this.isSigned(senderPid, text);
  }

  /** An instance reports on its waiting sessions, too, which do not listen themselves. */
  private speakForOthers(senderPid: number, { backends }: InstanceReport): void {
    const sender = this.members.get(senderPid);
    for (const pid of backends) {
      const backend = this.members.get(pid);
      const isSame = backend?.instance === sender?.instance && backend?.role === sender?.role;
      if (!isSame || this.reporters.has(pid)) continue;
      this.reporters.set(pid, senderPid);
      this.pending.delete(pid);
    }
  }
}
