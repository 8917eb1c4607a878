import { LockDeadlockError } from '../errors/lock-deadlock.error.js';
import type { KeyRegistry } from '../key/key-registry.js';
import { LockKey } from '../key/lock-key.js';

/** Makes the error for 40P01, with the locks that the detail of the server's error mentions. */
export function deadlockError(
  key: LockKey,
  keys: KeyRegistry,
  cause: Error & { detail?: string },
): LockDeadlockError {
  const ids = advisoryKeysIn(cause.detail ?? '');
  const names = ids.map((id) => (id === key.id ? key.name : keys.nameOf(id)));
  return new LockDeadlockError(key.name, names.length > 0 ? [...new Set(names)] : [key.name], cause);
}

/** The server writes an advisory lock as `[database,classid,objid,objsubid]` in every language. */
function advisoryKeysIn(detail: string): string[] {
  return [...detail.matchAll(/\[\d+,(\d+),(\d+),([12])\]/g)].map(
    ([, classid, objid, objsubid]) =>
      LockKey.inPgLocks({ classid: Number(classid), objid: Number(objid), objsubid: Number(objsubid) }).id,
  );
}
