import { Observable } from 'rxjs';
import type { AdvisoryLock } from '../advisory-lock.js';
import { runInside } from '../engine/lock-context.js';
import { LockNotHeldError } from '../errors/lock-not-held.error.js';

/**
 * The same values, under the lock: it is released when the source completes or errors, before the subscriber is told, or when
 * the subscriber leaves. When the lock is lost, the stream ends with the `LockLostError`. It can be subscribed to once: a
 * second subscriber would go on without the lock.
 */
export function holdUntilDone<T>(lock: AdvisoryLock, source: Observable<T>): Observable<T> {
  let isTaken = false;
  return new Observable<T>((subscriber) => {
    if (isTaken || subscriber.closed) {
      if (!isTaken) void lock.release();
      subscriber.error(new LockNotHeldError(lock.name, 'the stream under it was subscribed to before'));
      return undefined;
    }
    isTaken = true;
    const onLost = (): void => {
      subscriber.error(lock.lost);
    };
    lock.signal.addEventListener('abort', onLost, { once: true });
    const releaseThen = (tell: () => void): void => {
      lock.signal.removeEventListener('abort', onLost);
      void lock.release().then(tell);
    };
    const subscription = runInside(lock, () =>
      source.subscribe({
        next: (value) => {
          subscriber.next(value);
        },
        error: (error: unknown) => {
          releaseThen(() => {
            subscriber.error(error);
          });
        },
        complete: () => {
          releaseThen(() => {
            if (lock.lost === undefined) subscriber.complete();
            else subscriber.error(lock.lost);
          });
        },
      }),
    );
    return () => {
      subscription.unsubscribe();
      releaseThen(() => undefined);
    };
  });
}
