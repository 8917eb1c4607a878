import { once } from 'node:events';
import type { LockLostError } from '../../../lib/index.js';

/**
 * Times for sessions that lose locks fast. Shorter ones fail on a busy machine, where a response can take
 * some hundred milliseconds.
 */
export const SHORT_TIMES = { heartbeatMs: 300, lostAfterMs: 1_200 };

/** Waits until the lock is lost, and resolves to the reason. */
export async function lossOf(lock: { readonly signal: AbortSignal }): Promise<LockLostError> {
  const { signal } = lock;
  if (!signal.aborted) await once(signal, 'abort');
  return signal.reason as LockLostError;
}
