import { GrowingPause, type LockLog } from '../core/index.js';

/** No fleet sends as many: an instance sends at most a hundred notices about keys in a second. */
const MAX_NOTIFICATIONS_A_SECOND = 20_000;

/** For how long an instance does not listen then, in milliseconds. It doubles while the flood goes on. */
const FIRST_PAUSE_MS = 10_000;
const MAX_PAUSE_MS = 300_000;

export interface FloodGuardOptions {
  /** Resolves when no notification arrives any more, for so long; in milliseconds. */
  readonly pauseListening: (pauseMs: number) => Promise<void>;
  readonly log: Pick<LockLog, 'warn'>;
}

/**
 * Stops the listening for a while when more notifications arrive than can be read. They arrive on the
 * connection of the locks, whose results would have to wait behind them, until the connection counts as
 * lost; and any client of the database may send them.
 */
export class FloodGuard {
  private readonly pauses = new GrowingPause(FIRST_PAUSE_MS, MAX_PAUSE_MS);
  private count = 0;
  private secondEndsAt = 0;
  private quietFrom = 0;
  private isStopping = false;

  constructor(private readonly options: FloodGuardOptions) {}

  /** Counts a notification; returns whether it is to be read. */
  allows(): boolean {
    if (this.isStopping) return false;
    const now = performance.now();
    if (now >= this.secondEndsAt) {
      this.count = 0;
      this.secondEndsAt = now + 1_000;
    }
    this.count += 1;
    if (this.count <= MAX_NOTIFICATIONS_A_SECOND) return true;
    void this.stop(now);
    return false;
  }

  private async stop(now: number): Promise<void> {
    this.isStopping = true;
    if (now > this.quietFrom) this.pauses.reset();
    const pauseMs = Math.round(this.pauses.nextMs());
    this.quietFrom = now + pauseMs + MAX_PAUSE_MS;
    this.options.log.warn(
      `More than ${MAX_NOTIFICATIONS_A_SECOND} notifications arrived in a second. This instance does not ` +
        `listen for ${pauseMs} ms, so that its locks need not wait behind them.`,
    );
    try {
      await this.options.pauseListening(pauseMs);
    } catch {
      // The connection is lost. The one that takes its place does not listen either.
    } finally {
      this.count = 0;
      this.isStopping = false;
    }
  }
}
