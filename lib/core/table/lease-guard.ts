import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import type { AcquireOptions } from './acquire-options.js';

/** How a lock is taken, and given back when a lease of its name is in the way. */
export interface TakeLock<T> {
  /** Resolves to `undefined` when the lock stays busy. */
  readonly take: (options: AcquireOptions) => Promise<T | undefined>;
  /** Never rejects. */
  readonly giveBack: (taken: T) => Promise<void> | undefined;
}

/** Keeps locks with `respectLeases` and leases apart. Core knows nothing else of leases. */
export interface LeaseGuard {
  /**
   * Takes the lock while no lease of the name lasts; resolves to `undefined` when the lock or a lease stays
   * in the way.
   */
  takeUnleased<T>(name: string, options: AcquireOptions, lock: TakeLock<T>): Promise<T | undefined>;
}

/** That of an engine without leases, such as one that only migrates. */
export const WITHOUT_LEASES: LeaseGuard = {
  takeUnleased: (lockName) =>
    Promise.reject(
      new LockConfigurationError(
        'A lock with `respectLeases` must be taken through AdvisoryLockModule, received one of an engine ' +
          'that has no leases.',
        { lockName },
      ),
    ),
};
