import { LockDeadlockError } from '../errors/lock-deadlock.error.js';
import type { KeyBook } from './key-book.js';
import { LockKey } from './lock-key.js';

/** Makes the error for 40P01, and names the locks that the server's detail speaks of. */
export function deadlockError(
  key: LockKey,
  keys: KeyBook,
  cause: Error & { detail?: string },
): LockDeadlockError {
  const ids = advisoryKeysIn(cause.detail ?? '');
  const names = ids.map((id) => (id === key.id ? key.name : keys.nameOf(id)));
  return new LockDeadlockError(key.name, names.length > 0 ? [...new Set(names)] : [key.name], cause);
}

/** Every language writes an advisory lock as `[database,classid,objid,objsubid]`. */
function advisoryKeysIn(detail: string): string[] {
  return [...detail.matchAll(/\[\d+,(\d+),(\d+),([12])\]/g)].map(([, high = '', low = '', space]) =>
    space === '2'
      ? LockKey.of([Number(high) | 0, Number(low) | 0]).id
      : LockKey.of(BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low))).id,
  );
}
