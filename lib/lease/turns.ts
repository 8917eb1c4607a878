import { MAX_TIMER_MS } from '../core/index.js';

/**
 * The calls of this process that wait for leases. Of those that wait for one name only the first asks the
 * server; the others wait in line behind it.
 */
export class Turns {
  private readonly lines = new Map<string, Turn[]>();

  /** Whether calls wait for the name. */
  isWaitedFor(name: string): boolean {
    return this.lines.has(name);
  }

  /** Joins the end of the line. */
  join(name: string): Turn {
    const line = this.lines.get(name) ?? [];
    const turn = new Turn(line, () => {
      if (line.length === 0) this.lines.delete(name);
    });
    line.push(turn);
    this.lines.set(name, line);
    return turn;
  }

  /** Lets the first in line ask at once. */
  wake(name: string): void {
    this.lines.get(name)?.[0]?.wake();
  }
}

/** The place of a call in its line. */
export class Turn {
  private isWoken = false;
  private onWake: (() => void) | undefined;

  constructor(
    private readonly line: Turn[],
    private readonly onLeave: () => void,
  ) {}

  get isFirst(): boolean {
    return this.line[0] === this;
  }

  wake(): void {
    this.isWoken = true;
    this.onWake?.();
  }

  /** Resolves after the time, or when the call is woken or one of the signals aborts. */
  async pause(ms: number, signals: readonly AbortSignal[]): Promise<void> {
    if (!this.isWoken && !signals.some(({ aborted }) => aborted)) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(ms, MAX_TIMER_MS));
        this.onWake = () => {
          clearTimeout(timer);
          for (const signal of signals) signal.removeEventListener('abort', this.wakeByAbort);
          resolve();
        };
        for (const signal of signals) signal.addEventListener('abort', this.wakeByAbort);
      });
      this.onWake?.();
      this.onWake = undefined;
    }
    this.isWoken = false;
  }

  /** Leaves the line; the next is the first then, and is woken. */
  leave(): void {
    const wasFirst = this.isFirst;
    this.line.splice(this.line.indexOf(this), 1);
    if (wasFirst) this.line[0]?.wake();
    this.onLeave();
  }

  private readonly wakeByAbort = (): void => {
    this.wake();
  };
}
