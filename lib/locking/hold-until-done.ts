import { Observable, Subject, type Subscription, takeUntil } from 'rxjs';
import { type AdvisoryLock, LockNotHeldError, runInside } from '../core/index.js';

/**
 * The same values, under the lock. The lock is released when the source completes or errors, before the
 * subscriber is notified, or when the subscriber unsubscribes. When the lock is lost, the stream ends with
 * the `LockLostError`.
 *
 * It is for one subscriber, which must subscribe at once: a second one would continue without the lock, and
 * Nest does not subscribe at all when the client has disconnected, which would keep the lock permanently.
 */
export function holdUntilDone<T>(lock: AdvisoryLock, source: Observable<T>, method: string): Observable<T> {
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
    // A subscriber that unsubscribes before there is a stream does not start it; the lock is released as if
    // there were no subscriber.
    if (subscriber.closed) return;
    isTaken = true;
    const onLost = (): void => {
      subscriber.error(lock.lost);
    };
    lock.signal.addEventListener('abort', onLost, { once: true });
    const releaseThen = (notify: () => void): void => {
      lock.signal.removeEventListener('abort', onLost);
      void lock.release().then(notify);
    };
    // A Subject, as a subscriber may unsubscribe in the middle of a synchronous source, before there is a
    // subscription.
    const left = new Subject<void>();
    subscriber.add(() => {
      left.next();
    });
    const subscribe = (): Subscription =>
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
      });
    runInside(lock, subscribe, { place: method });
  });
}
