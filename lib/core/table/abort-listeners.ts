/** The listeners of each signal that has any. */
const listenersOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls the listener when the signal aborts. A signal has one listener of this library, however many calls
 * wait with it: Node warns of a leak beyond ten, and searches all of them to remove one.
 */
export function onceAborted(signal: AbortSignal, listener: () => void): void {
  const known = listenersOf.get(signal);
  if (known !== undefined) {
    known.add(listener);
    return;
  }
  const listeners = new Set([listener]);
  listenersOf.set(signal, listeners);
  signal.addEventListener('abort', callAll, { once: true });
}

/** Takes back {@link onceAborted}. */
export function forgetAbort(signal: AbortSignal, listener: () => void): void {
  const listeners = listenersOf.get(signal);
  if (listeners?.delete(listener) !== true || listeners.size > 0) return;
  listenersOf.delete(signal);
  signal.removeEventListener('abort', callAll);
}

/** The same promise, but it rejects with the reason of the signal as soon as that aborts. */
export async function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) onAbort();
    else onceAborted(signal, onAbort);
  });
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    forgetAbort(signal, onAbort);
  }
}

function callAll({ currentTarget }: Event): void {
  const signal = currentTarget as AbortSignal;
  const listeners = listenersOf.get(signal) ?? [];
  listenersOf.delete(signal);
  for (const listener of listeners) listener();
}
