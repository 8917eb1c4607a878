import { Observable, Subject, takeUntil } from 'rxjs';
import { type AdvisoryLock, LockNotHeldError, runInside } from '../core/index.js';

/**
 * The same values, under the lock: it is released when the source completes or errors, before the subscriber is told, or when
 * the subscriber leaves. When the lock is lost, the stream ends with the `LockLostError`.
 *
 * It is for one subscriber, who comes at once: a second would go on without the lock, and Nest does not subscribe at all when
 * the client has left, which would keep the lock for ever.
 */
export function holdUntilDone<T>(lock: AdvisoryLock, source: Observable<T>): Observable<T> {
  let isTaken = false;
  setImmediate(() => {
    if (!isTaken) void lock.release();
  });
  return new Observable<T>((subscriber) => {
    if (isTaken || !lock.isHeld) {
      const why = 'the stream under it was subscribed to before, or too late';
      subscriber.error(lock.lost ?? new LockNotHeldError(lock.name, why));
      return;
    }
    // Who has left before there was a stream does not start it; the lock goes as if nobody had come.
    if (subscriber.closed) return;
    isTaken = true;
    const onLost = (): void => {
      subscriber.error(lock.lost);
    };
    lock.signal.addEventListener('abort', onLost, { once: true });
    const releaseThen = (tell: () => void): void => {
      lock.signal.removeEventListener('abort', onLost);
      void lock.release().then(tell);
    };
    // A notifier, as a subscriber who leaves in the middle of a synchronous source comes before its subscription.
    const left = new Subject<void>();
    subscriber.add(() => {
      left.next();
    });
    runInside(lock, () =>
      source.pipe(takeUntil(left)).subscribe({
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
  });
}
