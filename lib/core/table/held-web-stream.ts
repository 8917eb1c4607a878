import { ReadableStream, type ReadableStreamDefaultController } from 'node:stream/web';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import type { AdvisoryLock } from './advisory-lock.js';
import { type BodyInfo, runInside } from './lock-context.js';

/** Of any realm, and of any library that implements the standard. */
export function isWebStream(value: object): value is ReadableStream {
  const { getReader, cancel, tee } = value as Partial<ReadableStream>;
  return [getReader, cancel, tee].every((method) => typeof method === 'function');
}

/**
 * The same chunks, under the lock. It is released when the stream ends, fails or is canceled.
 *
 * Throws `LOCK_CONFIGURATION` for a stream that has a reader already, whose end cannot be observed.
 */
export function holdWebStream<T>(
  lock: AdvisoryLock,
  source: ReadableStream<T>,
  body: BodyInfo,
): ReadableStream<T> {
  if (source.locked) throw readByAnother(lock);
  const isOfBytes = readsBytes(source);
  const reader = source.getReader();
  // The lock must not keep the stream: what is left unread is collected, and then released.
  let reference: WeakRef<ReadableStreamDefaultController> | undefined;
  const onLost = (): void => {
    reference?.deref()?.error(lock.lost);
    void reader.cancel(lock.lost).catch(() => undefined);
  };
  const release = (): Promise<void> => {
    lock.signal.removeEventListener('abort', onLost);
    return lock.release();
  };
  return new ReadableStream<T>(
    {
      ...(isOfBytes && { type: 'bytes' as unknown as undefined }),
      start: (controller) => {
        reference = new WeakRef(controller);
        lock.signal.addEventListener('abort', onLost, { once: true });
        if (lock.signal.aborted) onLost();
      },
      pull: async (controller) => {
        try {
          const { done, value } = await runInside(lock, () => reader.read(), body);
          if (lock.lost !== undefined) return;
          if (!done) {
            controller.enqueue(value);
            return;
          }
          await release();
          close(controller);
        } catch (error) {
          await release();
          throw error;
        }
      },
      cancel: async (reason) => {
        try {
          await runInside(lock, () => reader.cancel(reason), body);
        } finally {
          await release();
        }
      },
    },
    // Nothing is read before it is asked for.
    { highWaterMark: 0 },
  );
}

/** Only a stream of bytes has readers that bring their own buffer. */
function readsBytes(source: ReadableStream): boolean {
  try {
    source.getReader({ mode: 'byob' }).releaseLock();
    return true;
  } catch {
    return false;
  }
}

function close(controller: ReadableStreamDefaultController & { byobRequest?: unknown }): void {
  controller.close();
  // A reader that waits with its own buffer gets it back.
  const { byobRequest } = controller as { byobRequest?: { respond(bytes: number): void } | null };
  byobRequest?.respond(0);
}

function readByAnother(lock: AdvisoryLock): LockConfigurationError {
  return new LockConfigurationError(
    `What is locked with "${lock.name}" must not resolve to a ReadableStream that another reader has: the ` +
      'lock cannot be held until that has read it. Resolve to a stream without a reader.',
    { lockName: lock.name },
  );
}
