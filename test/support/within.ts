import { setTimeout as delay } from 'node:timers/promises';

/** The same promise, but it rejects when it takes longer: what hangs is reported, and says what it is. */
export async function within<T>(timeoutMs: number, promise: Promise<T>, what: () => string): Promise<T> {
  const settled = new AbortController();
  const timeout = delay(timeoutMs, undefined, { ref: false, signal: settled.signal }).then(() => {
    throw new Error(`Not within ${String(timeoutMs)} ms: ${what()}`);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    settled.abort();
  }
}
