import { NOTIFY_SETTINGS, type Statement } from '../core/index.js';
import { reportChannelOf } from './channels.js';
import { asciiJson, splitReport } from './parts.js';
import { type Question, readQuestion } from './question.js';
import type { InstanceReport } from './instance-report.js';

/** Questions are collected, and responded to together, at most once in so many milliseconds. */
const PAUSE_MS = 100;

/** The pause after a response that could not be sent, in milliseconds: the locks need the session more. */
const PAUSE_AFTER_FAILURE_MS = 2_000;

/** How many questions are responded to at once. Those beyond are dropped. */
const MAX_QUESTIONS = 16;

const NOTIFY = `SELECT pg_catalog.count(pg_catalog.pg_notify(message ->> 0, message ->> 1)::text)
FROM pg_catalog.json_array_elements($1::json) AS message, ${NOTIFY_SETTINGS}`;

interface OpenQuestion extends Question {
  readonly askerPid: number;
}

/**
 * Responds to the questions of others. Nothing that arrives, and no failure to respond, may disturb the
 * locks.
 */
export class FleetResponder {
  private readonly open = new Map<string, OpenQuestion>();
  private timer: NodeJS.Timeout | undefined;
  private nextAt = 0;

  constructor(
    /** Runs a statement on the session of the locks. */
    private readonly send: (statement: Statement) => Promise<unknown>,
    /** Takes a snapshot, and returns what makes reports on these keys from it. */
    private readonly snapshot: () => (keys: readonly string[]) => InstanceReport,
  ) {}

  receive(askerPid: number, payload: string): void {
    const question = readQuestion(payload);
    if (question === undefined || this.open.size >= MAX_QUESTIONS) return;
    this.open.set(`${askerPid} ${question.id}`, { ...question, askerPid });
    this.respondSoon();
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
    const questions = [...this.open.values()];
    this.open.clear();
    let pauseMs = PAUSE_MS;
    try {
      await this.send({ text: NOTIFY, values: [asciiJson(this.messages(questions))] });
    } catch {
      pauseMs = PAUSE_AFTER_FAILURE_MS;
    }
    this.nextAt = performance.now() + pauseMs;
    this.timer = undefined;
    // More questions may have arrived meanwhile.
    if (this.open.size > 0) this.respondSoon();
  }

  private messages(questions: readonly OpenQuestion[]): [string, string][] {
    const reportOn = this.snapshot();
    const texts = new Map<string, string>();
    return questions.flatMap(({ id, keys, askerPid }) => {
      const about = keys.join();
      const text = texts.get(about) ?? asciiJson(reportOn(keys));
      texts.set(about, text);
      const parts =
        splitReport(id, text) ?? splitReport(id, asciiJson({ ...reportOn(keys), jobs: [] })) ?? [];
      return parts.map((part): [string, string] => [reportChannelOf(askerPid), part]);
    });
  }
}
