import { once } from 'node:events';
import type { LockLostError } from '../../../lib/index.js';

/** How a short session is listened to. Not shorter: a busy machine may keep an answer for a few hundred milliseconds. */
export const SHORT_TIMES = { heartbeatMs: 300, lostAfterMs: 1_200 };

/** Waits until the holder of a lock is told that it is lost. */
export async function told(lock: { readonly signal: AbortSignal }): Promise<LockLostError> {
  const { signal } = lock;
  if (!signal.aborted) await once(signal, 'abort');
  return signal.reason as LockLostError;
}
