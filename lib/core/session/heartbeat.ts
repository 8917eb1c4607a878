import type { HeartbeatTimes } from '../connection/session-times.js';

/** Nothing was heard from the server for too long: it may be gone, or be here and take the client for gone. */
export class SilenceError extends Error {
  constructor(silentMs: number, lostAfterMs: number) {
    super(`no answer came for ${Math.round(silentMs)} ms, and \`lostAfterMs\` is ${lostAfterMs}`);
  }
}

/** Listens to a connection: asks when it is quiet, and judges when a question stays without an answer. */
export class Heartbeat {
  private lastHeardAt = performance.now();
  private askedAt: number | undefined;
  private isPaused = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly times: HeartbeatTimes,
    private readonly ask: () => void,
    private readonly onSilence: (error: SilenceError) => void,
  ) {
    if (Number.isFinite(times.heartbeatMs)) this.checkAt(Infinity);
  }

  /** Whether the server was there so lately that its locks can be relied on without asking. */
  get isRecent(): boolean {
    return this.ageMs < this.times.lostAfterMs;
  }

  /** How long ago the server was there for certain, in milliseconds. */
  get ageMs(): number {
    return performance.now() - this.lastHeardAt;
  }

  /** A question is on its way. */
  asked(): void {
    this.askedAt = performance.now();
  }

  /**
   * An answer has come, any. It shows that the server was there when the question was asked, or later: it may have lain in the socket
   * for as long as this process was busy. Answers whether that was recently, so that it can be relied on.
   */
  heard(): boolean {
    this.lastHeardAt = this.askedAt ?? performance.now();
    this.askedAt = undefined;
    return this.isRecent;
  }

  /** A query that may take as long as it likes is on its way: silence is no sign until its result arrives. */
  beginUnbounded(): void {
    this.asked();
    this.isPaused = true;
  }

  /** The result of such a query has arrived. Returns the same as {@link heard}. */
  endUnbounded(): boolean {
    this.isPaused = false;
    return this.heard();
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** Not later than a heartbeat from now: an answer may come at any time, and the next question is due so much later. */
  private checkAt(dueAt: number): void {
    const dueInMs = Math.min(this.times.heartbeatMs, dueAt - performance.now());
    this.timer = setTimeout(this.check, Math.max(1, dueInMs)).unref();
  }

  private readonly check = (): void => {
    const now = performance.now();
    if (!this.isPaused && this.askedAt === undefined && now >= this.lastHeardAt + this.times.heartbeatMs) {
      this.askedAt = now;
      this.ask();
    }
    if (this.isPaused || this.askedAt === undefined) this.checkAt(this.lastHeardAt + this.times.heartbeatMs);
    else if (now < this.deadline(this.askedAt)) this.checkAt(this.deadline(this.askedAt));
    else this.judge(this.askedAt);
  };

  /** After a blocked event loop the silence is long and the question fresh, which is why that has some time of its own. */
  private deadline(askedAt: number): number {
    const { heartbeatMs, lostAfterMs } = this.times;
    return Math.max(
      this.lastHeardAt + lostAfterMs,
      askedAt + Math.min(heartbeatMs, lostAfterMs - heartbeatMs),
    );
  }

  /**
   * The answer may lie in the socket, unread: an event loop that was blocked runs its timers first, reads its sockets then, and
   * comes to `setImmediate` last.
   *
   * @see https://nodejs.org/en/learn/asynchronous-work/event-loop-timers-and-nexttick
   */
  private judge(askedAt: number): void {
    setImmediate(() => {
      if (this.askedAt !== askedAt || this.isPaused) {
        this.check();
        return;
      }
      this.onSilence(new SilenceError(this.ageMs, this.times.lostAfterMs));
    });
  }
}
