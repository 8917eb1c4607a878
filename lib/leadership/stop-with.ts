/** What goes on until it is stopped, or ends by itself. */
export interface Stoppable {
  /** Resolves when it has ended. Never rejects. */
  readonly over: Promise<void>;
  stopBecause(reason: unknown): Promise<void>;
}

/** Stops it when the signal of its caller aborts, which is listened to until it has ended. */
export function stopWith(signal: AbortSignal | undefined, stoppable: Stoppable): void {
  if (signal === undefined) return;
  const stop = (): void => void stoppable.stopBecause(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  void stoppable.over.then(() => {
    signal.removeEventListener('abort', stop);
  });
  if (signal.aborted) stop();
}
