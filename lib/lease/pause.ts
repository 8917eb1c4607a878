import { MAX_TIMER_MS } from '../core/index.js';

/** Waits for a time, for an abort, or until it is woken, whichever comes first. */
export class Pause {
  private isWoken = false;
  private onWake: (() => void) | undefined;

  wake(): void {
    this.isWoken = true;
    this.onWake?.();
  }

  /** Resolves after the time, or when it is woken or one of the signals aborts. */
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

  private readonly wakeByAbort = (): void => {
    this.wake();
  };
}
