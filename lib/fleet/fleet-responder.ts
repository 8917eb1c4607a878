import { NOTIFY_SETTINGS, type Statement } from '../core/index.js';
import { reportChannelOf } from './channels.js';
import type { DroppedReports } from './dropped-reports.js';
import { type FleetSignatures, questionContext, reportContext } from './fleet-signatures.js';
import type { InstanceReport } from './instance-report.js';
import { OpenQuestions } from './open-questions.js';
import { asciiJson, splitReport } from './parts.js';

/** Questions are collected, and responded to together, at most once in so many milliseconds. */
const PAUSE_MS = 100;

/** The pause after a response that could not be sent, in milliseconds: the locks need the session more. */
const PAUSE_AFTER_FAILURE_MS = 2_000;

/**
 * What responding may take of the process and of the session of the locks, however many questions arrive: one
 * part in a hundred of the time, so that one lock in a hundred may notice it, and 500 kB a second. Responses
 * that cost more are followed by a pause, but a few in a row are not, as operators ask.
 */
const PAUSE_PER_WORK = 100;
const BYTES_PER_MS = 500;
const UNPAUSED_MS = 1_000;
const MAX_PAUSE_MS = 2_000;

/** No further question is responded to at once after so much text, in characters, or so many milliseconds. */
const MAX_TEXT_AT_ONCE = 250_000;
const MAX_WORK_MS = 10;

/** How much one statement sends, in characters: locks are taken between two of them. */
const MAX_STATEMENT_LENGTH = 32_000;

/** A longer report is shortened, in characters. Only names of an unusual length make one. */
const MAX_REPORT_LENGTH = 500_000;

const NOTIFY = `SELECT pg_catalog.count(pg_catalog.pg_notify(message ->> 0, message ->> 1)::text)
FROM pg_catalog.json_array_elements($1::json) AS message, ${NOTIFY_SETTINGS}`;

type Message = readonly [channel: string, part: string];

export interface FleetResponderOptions {
  /** Runs a statement on the session of the locks. */
  readonly send: (statement: Statement) => Promise<unknown>;
  /** Takes a snapshot, and returns what makes reports on these keys from it. */
  readonly snapshot: () => (keys: readonly string[]) => InstanceReport;
  readonly dropped: DroppedReports;
  /** Where it is present, only signed questions are responded to, and responses are signed. */
  readonly signatures?: FleetSignatures | undefined;
}

/**
 * Responds to the questions of others. Nothing that arrives, and no failure to respond, may disturb the
 * locks.
 */
export class FleetResponder {
  private readonly questions = new OpenQuestions();
  private timer: NodeJS.Timeout | undefined;
  private nextAt = 0;
  /** When the budget for what was sent is made up for. */
  private paidAt = 0;

  constructor(private readonly options: FleetResponderOptions) {}

  receive(askerPid: number, payload: string): void {
    if (this.questions.add(askerPid, payload)) this.respondSoon();
    else this.options.dropped.note(askerPid, 'a question');
  }

  private respondSoon(): void {
    this.timer ??= setTimeout(
      () => {
        void this.respond();
      },
      Math.max(0, this.nextAt - performance.now()),
    ).unref();
  }

  private async respond(): Promise<void> {
    const startedAt = performance.now();
    const messages = this.messages();
    const workMs = performance.now() - startedAt;
    const length = messages.reduce((sum, [, part]) => sum + part.length, 0);
    // The first response of a process is slow, and on a busy machine much of the time is not its own.
    const workCostMs = Math.min(UNPAUSED_MS, workMs * PAUSE_PER_WORK);
    const costMs = Math.min(MAX_PAUSE_MS, Math.max(workCostMs, length / BYTES_PER_MS));
    this.paidAt = Math.max(this.paidAt, startedAt) + costMs;
    let pauseMs = PAUSE_MS;
    try {
      for (const some of inStatements(messages))
        await this.options.send({ text: NOTIFY, values: [asciiJson(some)] });
    } catch {
      pauseMs = Math.max(pauseMs, PAUSE_AFTER_FAILURE_MS);
    }
    this.nextAt = Math.max(performance.now() + pauseMs, this.paidAt - UNPAUSED_MS);
    this.timer = undefined;
    // More questions may have arrived meanwhile.
    if (!this.questions.isEmpty) this.respondSoon();
  }

  /** What is sent at once: the parts of the reports, each with its channel. */
  private messages(): Message[] {
    const { snapshot, dropped, signatures } = this.options;
    const deadline = performance.now() + MAX_WORK_MS;
    const messages: Message[] = [];
    const reports = new Map<string, { readonly text: string; readonly senderPid: number }>();
    let reportOn: ReturnType<typeof snapshot> | undefined;
    let room = MAX_TEXT_AT_ONCE;
    while (!this.questions.isEmpty && room > 0 && performance.now() < deadline) {
      const { askerPid, question } = this.questions.next(
        (pid, text) => signatures?.verify(questionContext(pid), text) !== false,
      );
      if (question === undefined) {
        dropped.note(askerPid, 'a question that is none, or is not signed');
        continue;
      }
      reportOn ??= snapshot();
      const about = question.keys.join();
      const report = reports.get(about) ?? shortened(reportOn(question.keys));
      reports.set(about, report);
      const { text, senderPid } = report;
      const signed = signatures?.sign(reportContext(question.id, senderPid, askerPid), text) ?? text;
      for (const part of splitReport(question.id, signed) ?? [])
        messages.push([reportChannelOf(askerPid), part]);
      room -= signed.length;
    }
    return messages;
  }
}

/** The messages in their order, as many together as one statement sends. */
function inStatements(messages: readonly Message[]): Message[][] {
  const statements: Message[][] = [];
  let room = 0;
  for (const message of messages) {
    const [, part] = message;
    if (part.length > room) {
      statements.push([]);
      room = MAX_STATEMENT_LENGTH;
    }
    statements.at(-1)?.push(message);
    room -= part.length;
  }
  return statements;
}

/** The text of a report without what makes it too long: the jobs, then the later locks. */
function shortened(report: InstanceReport): { text: string; senderPid: number } {
  const [senderPid = 0] = report.backends;
  let fitting = report;
  for (;;) {
    const text = asciiJson(fitting);
    if (text.length <= MAX_REPORT_LENGTH) return { text, senderPid };
    const { jobs, locks } = fitting;
    fitting = { ...fitting, jobs: [], locks: jobs.length > 0 ? locks : locks.slice(0, locks.length / 2) };
  }
}
