import { LockConfigurationError, ownLockOf, type PgLocksKey, SqlState, sqlStateOf } from '../core/index.js';
import type { RunQuery } from './inspect-locks.js';
import { BACKEND_ID, IN_THIS_DATABASE } from './inspect-statement.js';

/** Which backends are meant. A property that is missing allows any value. */
export interface HolderCondition {
  /** Only backends that hold this key. */
  readonly key?: PgLocksKey;
  readonly pid?: number;
  /** The `id` that the backend was listed with: by now another backend may have its pid. */
  readonly backendId?: string;
}

/** Which backends were ended. */
export interface Ending {
  readonly pids: readonly number[];
  /** Whether the backend that ran the statement is one of them: it does not end itself, its owner must. */
  readonly isOwnMeant: boolean;
  /** Whether none was ended because the holder reports that it has released the lock and taken it again. */
  readonly isRetaken?: boolean;
}

interface Ended {
  readonly pid: number;
  /** Whether it is the backend that ran the statement, which has not ended itself. */
  readonly isOwn: boolean;
  readonly isSignalled: boolean | null;
}

// One statement: a backend that has released the lock by now, or that has only the same pid, is not
// signalled. The pids are read in full before the first is signalled, because DISTINCT must see them all.
const TERMINATE = `SELECT COALESCE(pg_catalog.json_agg(pg_catalog.json_build_object(
  'pid', pid, 'isOwn', pid = pg_catalog.pg_backend_pid(),
  'isSignalled',
  CASE WHEN pid <> pg_catalog.pg_backend_pid() THEN pg_catalog.pg_terminate_backend(pid) END)), '[]')::text
FROM (
  SELECT DISTINCT pid FROM pg_catalog.pg_locks
  WHERE ${IN_THIS_DATABASE} AND granted
    AND ($1 = '' OR pg_catalog.concat_ws(':', classid, objid, objsubid) = $1)
    AND ($2 = '' OR pid::text = $2)
    AND ($3 = '' OR pid IN (SELECT pid FROM pg_catalog.pg_stat_activity WHERE ${BACKEND_ID} = $3))
) AS holder
WHERE pid IS NOT NULL`;

/**
 * Ends the backends that hold a lock at this moment, and resolves to their pids. The backend that runs the
 * statement does not end itself: it is listed, and its owner must end it.
 */
export async function terminateHolders(
  query: RunQuery,
  { key, pid, backendId = '' }: HolderCondition,
): Promise<Ending> {
  const keyText = key === undefined ? '' : ownLockOf(key);
  let text: string | null | undefined;
  try {
    [text] = await query({
      text: TERMINATE,
      values: [keyText, pid === undefined ? '' : String(pid), backendId],
    });
  } catch (error) {
    if (sqlStateOf(error) === SqlState.insufficientPrivilege) throw lacksPrivilege(error as Error);
    throw error;
  }
  const ended = JSON.parse(text ?? '') as Ended[];
  return {
    pids: ended
      .filter(({ isOwn, isSignalled }) => isOwn || isSignalled === true)
      .map((backend) => backend.pid),
    isOwnMeant: ended.some(({ isOwn }) => isOwn),
  };
}

function lacksPrivilege(cause: Error): LockConfigurationError {
  return new LockConfigurationError(
    `The role of the lock connection may not end the holder's backend (${cause.message}). ` +
      'It may end backends of its own role, and those of other roles after ' +
      '`GRANT pg_signal_backend TO …`. Only a superuser may end a backend of a superuser.',
    { cause },
  );
}
