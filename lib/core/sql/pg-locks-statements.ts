import type { LockKey, PgLocksKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { Statement } from './statement.js';

/** All advisory locks that the own backend holds, as `classid:objid:objsubid:mode`. */
export const OWN_LOCKS: Statement = {
  text: `SELECT pg_catalog.concat_ws(':', classid, objid, objsubid, mode)
FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND granted AND pid = pg_catalog.pg_backend_pid()`,
};

/** A key as `classid:objid:objsubid`. */
export function ownLockOf(key: PgLocksKey): string {
  return `${key.classid}:${key.objid}:${key.objsubid}`;
}

/** A lock in the form of {@link OWN_LOCKS}: a claim is held in both modes while it is being shared. */
export function ownLockIn(mode: LockMode, key: PgLocksKey): string {
  return `${ownLockOf(key)}:${mode === 'shared' ? 'ShareLock' : 'ExclusiveLock'}`;
}

/** Whether any session in this database holds the key. */
export function isLockedStatement(key: LockKey): Statement {
  return existsStatement('advisory_lock_is_locked', 'granted', key);
}

/** Whether any session in this database waits for the key in the queue of Postgres. */
export function isWaitedForStatement(key: LockKey): Statement {
  return existsStatement('advisory_lock_is_waited_for', 'NOT granted', key);
}

function existsStatement(name: string, condition: string, key: LockKey): Statement {
  return {
    name,
    text: `SELECT EXISTS (
  SELECT FROM pg_catalog.pg_locks
  WHERE locktype = 'advisory' AND ${condition}
    AND classid = $1::oid AND objid = $2::oid AND objsubid = $3::int2
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))`,
    values: [String(key.classid), String(key.objid), String(key.objsubid)],
  };
}
