import type { HeartbeatTimes } from '../connection/session-times.js';

/** The server was silent for too long. It may be gone, or it may be alive and take the client for gone. */
export class SilenceError extends Error {
  constructor(silentMs: number, lostAfterMs: number) {
    super(`no response for ${Math.round(silentMs)} ms, and \`lostAfterMs\` is ${lostAfterMs}`);
  }
}

/**
 * Monitors a connection: sends a query when it is quiet, and reports when the query stays without a result.
 */
export class Heartbeat {
  private lastHeardAt = performance.now();
  private askedAt: number | undefined;
  /** Since when its response is the next one. */
  private dueSince = 0;
  /** When the query was sent that is in flight behind that one. */
  private askedBehindAt: number | undefined;
  private isPaused = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly times: HeartbeatTimes,
    private readonly ask: () => void,
    private readonly onSilence: (error: SilenceError) => void,
    /** Checked before each query: whether nothing depends on the connection, so that none is sent. */
    private readonly isIdle = (): boolean => false,
  ) {
    if (Number.isFinite(times.heartbeatMs)) this.checkAt(Infinity);
  }

  /** Whether the server was heard so recently that its locks can be relied on without a query. */
  get isRecent(): boolean {
    return this.ageMs < this.times.lostAfterMs;
  }

  /** How long ago the server was certainly alive, in milliseconds. */
  get ageMs(): number {
    return performance.now() - this.lastHeardAt;
  }

  /** Call it when a query is sent. */
  asked(): void {
    this.dueSince = performance.now();
    this.askedAt = this.dueSince;
  }

  /** Call it when a query is sent while another one is in flight. */
  askedBehind(): void {
    this.askedBehindAt = performance.now();
  }

  /**
   * Call it when a result has arrived. It shows only that the server was alive when the query was sent,
   * because it may have been in the socket while this process was busy. Returns whether that was recently, so
   * that the result can be relied on.
   */
  heard(): boolean {
    this.lastHeardAt = this.askedAt ?? performance.now();
    this.askedAt = this.askedBehindAt;
    this.askedBehindAt = undefined;
    this.dueSince = performance.now();
    return this.isRecent;
  }

  /** Call it when a query without a time limit is sent: silence has no meaning until its result arrives. */
  beginUnbounded(): void {
    this.asked();
    this.isPaused = true;
  }

  /** Call it when the result of such a query has arrived. Returns the same as {@link heard}. */
  endUnbounded(): boolean {
    this.isPaused = false;
    return this.heard();
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /**
   * Checks at most a heartbeat from now: a result may arrive at any time, and the next query is due a
   * heartbeat after it.
   */
  private checkAt(dueAt: number): void {
    const dueInMs = Math.min(this.times.heartbeatMs, dueAt - performance.now());
    this.timer = setTimeout(this.check, Math.max(1, dueInMs)).unref();
  }

  private readonly check = (): void => {
    const now = performance.now();
    if (!this.isPaused && this.askedAt === undefined && this.isIdle()) {
      this.checkAt(Infinity);
      return;
    }
    if (!this.isPaused && this.askedAt === undefined && now >= this.lastHeardAt + this.times.heartbeatMs) {
      this.asked();
      this.ask();
    }
    if (this.isPaused || this.askedAt === undefined) this.checkAt(this.lastHeardAt + this.times.heartbeatMs);
    else if (now < this.deadline) this.checkAt(this.deadline);
    else this.judge(this.askedAt);
  };

  /**
   * After a blocked event loop the silence is long and the query new, so the query has some time of its own,
   * and so has one behind another whose response was late.
   */
  private get deadline(): number {
    const { heartbeatMs, lostAfterMs } = this.times;
    return Math.max(
      this.lastHeardAt + lostAfterMs,
      this.dueSince + Math.min(heartbeatMs, lostAfterMs - heartbeatMs),
    );
  }

  /**
   * Reports the silence, unless the result is in the socket and has not been read: after it was blocked, the
   * event loop runs its timers first, then reads its sockets, and runs `setImmediate` last.
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
