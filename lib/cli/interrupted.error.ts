/** A signal ended the wait for a lock. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';

  constructor(readonly signal: NodeJS.Signals) {
    super(`Ended by ${signal} before the command was started.`);
  }
}
