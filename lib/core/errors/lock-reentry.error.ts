import { AdvisoryLockError, type AdvisoryLockErrorCode, ERROR_CODES } from './advisory-lock.error.js';

/** Where the two requests for one lock come from. */
export interface LockReentryDetails {
  /** The name of the lock, as the application wrote it. */
  readonly lockName: string;
  /** What holds the lock: a method, or a place in the code. */
  readonly heldBy: string;
  /** What requests it again: a method, or a place in the code. */
  readonly requestedBy: string;
}

/**
 * Code inside a lock requests the same lock again, without `reentry: 'join'`. Code `LOCK_REENTERED`. The body
 * of the request did not run, and the outer hold is untouched. It rejects at once, whatever `waitMs` says, as
 * a wait would not end before the outer body does.
 *
 * Either the request is a part of the outer work, and asks for `'join'`; or it runs in a leaked asynchronous
 * context, such as that of the call which woke a shared queue, and is bound to its own context by
 * `AsyncResource.bind()`.
 *
 * @example
 * ```ts
 * const inner = () => locks.withLock('import', part);
 * await locks.withLock('import', inner); // rejects with LOCK_REENTERED
 * ```
 */
export class LockReentryError extends AdvisoryLockError {
  /** @internal */
  protected static override readonly [ERROR_CODES]: readonly AdvisoryLockErrorCode[] = ['LOCK_REENTERED'];
  override readonly name: string = 'LockReentryError';
  /** `'LOCK_REENTERED'`. */
  readonly code = 'LOCK_REENTERED';
  /** What holds the lock: a method such as `Imports.load`, or a place in the code. */
  readonly heldBy: string;
  /** What requests it again: a method such as `Imports.load`, or a place in the code. */
  readonly requestedBy: string;

  constructor({ lockName, heldBy, requestedBy }: LockReentryDetails) {
    super(
      `The lock "${lockName}" is requested inside itself: ${heldBy} holds it, and ${requestedBy} requests ` +
        "it again. If the request is a part of the same work, give it the option `reentry: 'join'`, and it " +
        'runs inside the outer hold. If it is not, it runs in a leaked asynchronous context: work of a ' +
        'shared queue, batcher or emitter has the context of the call that woke it. Give such work to the ' +
        'queue as AsyncResource.bind(work).',
      { lockName },
    );
    this.heldBy = heldBy;
    this.requestedBy = requestedBy;
  }
}
