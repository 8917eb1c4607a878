import { setTimeout as sleep } from 'node:timers/promises';

/**
 * After how long a canceled statement that has not ended is canceled again, in milliseconds: a cancel that
 * arrives before the server has read the statement cancels nothing.
 */
const CANCEL_AGAIN_MS = 20;

/** The pause after a cancel that could not be sent, in milliseconds. */
const PAUSE_AFTER_FAILURE_MS = 250;

/**
 * Resolves to the result of the statement, which is canceled when the signal aborts. When it settles, no
 * cancel is on its way that could hit the next statement.
 */
export async function cancelWhenAborted<T>(
  statement: Promise<T>,
  signal: AbortSignal,
  cancel: () => Promise<unknown>,
): Promise<T> {
  const over = new AbortController();
  let canceling: Promise<void> | undefined;
  const onAbort = (): void => {
    canceling = cancelUntil(over.signal, cancel);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await statement;
  } finally {
    signal.removeEventListener('abort', onAbort);
    over.abort();
    await canceling;
  }
}

async function cancelUntil(over: AbortSignal, cancel: () => Promise<unknown>): Promise<void> {
  while (!over.aborted) {
    const pauseMs = await cancel().then(
      () => CANCEL_AGAIN_MS,
      () => PAUSE_AFTER_FAILURE_MS,
    );
    await sleep(pauseMs, undefined, { signal: over }).catch(() => undefined);
  }
}
