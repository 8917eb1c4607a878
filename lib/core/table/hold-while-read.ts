import { errorMonitor } from 'node:events';
import type { Readable } from 'node:stream';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { describe } from '../key/lock-key.js';
import type { AdvisoryLock } from './advisory-lock.js';
import { holdWhileIterated, isIterable } from './held-iterable.js';
import type { BodyInfo } from './lock-context.js';
import { holdWebStream, isWebStream } from './held-web-stream.js';
import { releaseWhenCollected } from './release-when-collected.js';

/** What a `StreamableFile` of Nest has. Not by its class, as core knows nothing of Nest. */
interface File {
  /** Nothing, for a file that was made of nothing. */
  getStream(): object | undefined;
  getHeaders(): unknown;
  setErrorHandler(handler: unknown): unknown;
}

/**
 * Whether it is read after the body has settled: a stream of Node or of the web, a `StreamableFile`, an async
 * iterable. A stream that has ended is nothing more to read.
 */
export function isReadLater(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const content = isFile(value) ? value.getStream() : value;
  if (isNodeStream(content)) return content.readable;
  return content === value && (isWebStream(value) || isIterable(value));
}

/**
 * Keeps the handle until the value has been read, and returns the value to read: the same one, or a stand-in
 * for what does not say when it is over. It is released at the end, at an error, when the reader leaves, and
 * when the value is garbage-collected. When the lock is lost, the value fails with the `LockLostError`.
 */
export function holdWhileRead<T extends object>(lock: AdvisoryLock, value: T, body: BodyInfo): T {
  const stream = isFile(value) ? value.getStream() : value;
  if (isNodeStream(stream)) {
    keepForStream(lock, stream);
    return value;
  }
  try {
    const held = isWebStream(value)
      ? holdWebStream(lock, value, body)
      : holdWhileIterated(lock, value as T & AsyncIterable<unknown>, body);
    releaseWhenCollected(held, lock);
    return held as T;
  } catch (error) {
    void lock.release();
    throw error;
  }
}

/** Ends what will not be read, so that it keeps no file or connection open. */
export function discard(value: object): void {
  const stream = isFile(value) ? value.getStream() : value;
  if (isNodeStream(stream)) stream.destroy();
  else if (stream !== undefined && isWebStream(stream)) void stream.cancel().catch(() => undefined);
}

/** The error for a lock that ends with its transaction, whatever is still to be read. */
export function readAfterCommit(what: string, value: unknown): LockConfigurationError {
  return new LockConfigurationError(
    `${what} must not resolve to what is read later, received ${describe(value)}: the transaction ends, ` +
      ' with its lock, before that is read. Collect the values first, or use a session lock, which is ' +
      'held until the end of the stream.',
  );
}

/** Its `readable` is true until it has ended. A stream that is only written to has no such property. */
function isNodeStream(value: object | undefined): value is Readable {
  const { readable, pipe, once } = (value ?? {}) as Partial<Readable>;
  return typeof readable === 'boolean' && typeof pipe === 'function' && typeof once === 'function';
}

function isFile(value: object): value is File {
  const { getStream, getHeaders, setErrorHandler } = value as Partial<File>;
  return [getStream, getHeaders, setErrorHandler].every((method) => typeof method === 'function');
}

function keepForStream(lock: AdvisoryLock, stream: Readable): void {
  // The lock must not keep the stream: what is left unread is collected, and then released.
  const reference = new WeakRef(stream);
  const onLost = (): void => {
    const lost = reference.deref();
    // An error that no listener expects would end the process.
    lost?.destroy(lost.listenerCount('error') > 0 ? lock.lost : undefined);
  };
  const release = (): void => {
    lock.signal.removeEventListener('abort', onLost);
    void lock.release();
  };
  // Some streams end without closing, and some close without an end. The monitor does not count as a handler
  // of the error.
  for (const event of ['end', 'close', errorMonitor]) stream.once(event, release);
  lock.signal.addEventListener('abort', onLost, { once: true });
  if (lock.signal.aborted) onLost();
  releaseWhenCollected(stream, lock);
}
