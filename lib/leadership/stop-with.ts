/** What goes on until it is stopped, or ends by itself. */
export interface Stoppable {
  /** Resolves when it has ended. Never rejects. */
  readonly over: Promise<void>;
  stopBecause(reason: unknown): Promise<void>;
}

/** Stops it when the signal of its caller aborts. Resolves when it has ended. */
export async function stopWith(signal: AbortSignal | undefined, stoppable: Stoppable): Promise<void> {
  const stop = (): void => void stoppable.stopBecause(signal?.reason);
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) stop();
  await stoppable.over;
  signal?.removeEventListener('abort', stop);
}
