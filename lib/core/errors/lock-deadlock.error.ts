import { AdvisoryLockError, type AdvisoryLockErrorCode, ERROR_CODES } from './advisory-lock.error.js';

/** A call that is part of a deadlock. */
export interface DeadlockedCall {
  /** The `instanceName` of its instance; missing when the deadlock is inside one process. */
  readonly instance?: string;
  /** The name of the lock that it waits for; its key where the name is not known. */
  readonly waitsFor: string;
  /** The names of the locks that it keeps while it waits. */
  readonly holds: readonly string[];
  /** What requested it: a method such as `Orders.pay`, or a place in the code. Missing where unknown. */
  readonly requestedBy?: string;
}

/**
 * The wait for the lock would never have ended: its holder waits for something that the waiting call holds.
 * Code `LOCK_DEADLOCK`. The lock was not taken. Exactly one call of a deadlock rejects; the others go on when
 * its locks are released.
 *
 * Of session locks, it is the call that closed the cycle. Inside one process it rejects at once, across
 * processes within about two seconds. For a lock of a transaction, Postgres chooses (40P01
 * `deadlock_detected`): other locks of the transaction are still held, and the transaction can go on.
 *
 * @example
 * ```ts
 * catch (error) {
 *   if (error instanceof LockDeadlockError) this.logger.warn(`deadlock: ${error.lockNames.join(', ')}`);
 *   throw error;
 * }
 * ```
 */
export class LockDeadlockError extends AdvisoryLockError {
  /** @internal */
  protected static override readonly [ERROR_CODES]: readonly AdvisoryLockErrorCode[] = ['LOCK_DEADLOCK'];
  override readonly name: string = 'LockDeadlockError';
  /** `'LOCK_DEADLOCK'`. */
  readonly code = 'LOCK_DEADLOCK';

  constructor(
    lockName: string,
    /** The advisory locks that are part of the deadlock: by name where this process knows it, else by key. */
    readonly lockNames: readonly string[],
    cause: unknown,
    /**
     * The calls that wait for each other, beginning with the one that rejects: each waits for a lock that the
     * next one keeps. Empty for a lock of a transaction, where Postgres does not say it.
     */
    readonly cycle: readonly DeadlockedCall[] = [],
  ) {
    super(
      `The lock "${lockName}" was not taken: the wait for it was a deadlock between ` +
        `${quoted(lockNames)}. ${describeCycle(cycle)} Take locks in the same order everywhere.`,
      { lockName, cause },
    );
  }
}

/** The calls of a deadlock in words. */
export function describeCycle(cycle: readonly DeadlockedCall[]): string {
  if (cycle.length === 0) return 'Its holder waits for what this transaction holds.';
  const calls = cycle.map(({ instance, waitsFor, holds, requestedBy }) => {
    const by = requestedBy === undefined ? 'a call' : requestedBy;
    const where = instance === undefined ? '' : ` in ${instance}`;
    const inside = holds.length === 0 ? '' : `, inside ${quoted(holds)},`;
    return `${by}${where}${inside} waits for "${waitsFor}"`;
  });
  const text = calls.join('; ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(' and ');
}
