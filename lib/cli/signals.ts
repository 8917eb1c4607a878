import type { Child } from './child.js';
import { InterruptedError } from './interrupted.error.js';

const PASSED_ON: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

/**
 * The signals that this process receives: they end the wait for the lock, or go to the command once it runs.
 */
export class Signals {
  private readonly interruption = new AbortController();
  private child: Child | undefined;

  constructor() {
    for (const signal of PASSED_ON) process.on(signal, this.onSignal);
  }

  /** Aborts with an `InterruptedError`. */
  get interrupted(): AbortSignal {
    return this.interruption.signal;
  }

  passOnTo(child: Child): void {
    this.child = child;
    // A signal that arrived while the command was being started.
    if (this.interrupted.aborted) child.pass((this.interrupted.reason as InterruptedError).signal);
  }

  /** From then on, signals end this process. */
  stop(): void {
    for (const signal of PASSED_ON) process.off(signal, this.onSignal);
  }

  private readonly onSignal = (signal: NodeJS.Signals): void => {
    if (this.child === undefined) this.interruption.abort(new InterruptedError(signal));
    else this.child.pass(signal);
  };
}
