import { LockConfigurationError, ownLockOf, type PgLocksKey } from '../core/index.js';
import type { RunQuery } from './inspect-locks.js';
import { BACKEND_ID, IN_THIS_DATABASE } from './inspect-statement.js';
import { type Ending, terminateHolders } from './terminate-holders.js';

/** Which backends were ended, and why others were not. */
export interface EndingOfAll extends Ending {
  /** The role may not end some of the holders. It says which were ended all the same. */
  readonly refusal?: LockConfigurationError;
}

// The role may not see the start of a backend of another role: its id is null.
const HOLDERS = `SELECT COALESCE(pg_catalog.json_agg(pg_catalog.json_build_object(
  'pid', pid, 'backendId', ${BACKEND_ID}) ORDER BY pid), '[]')::text
FROM pg_catalog.pg_stat_activity
WHERE pid IN (
  SELECT pid FROM pg_catalog.pg_locks
  WHERE ${IN_THIS_DATABASE} AND granted AND pg_catalog.concat_ws(':', classid, objid, objsubid) = $1)`;

/**
 * Ends the backends that hold the key at this moment, each by a statement of its own: Postgres refuses a
 * whole statement for one backend that the role may not end, and does not report which it has ended before.
 */
export async function terminateAll(query: RunQuery, key: PgLocksKey): Promise<EndingOfAll> {
  const [text] = await query({ text: HOLDERS, values: [ownLockOf(key)] });
  const holders = JSON.parse(text ?? '') as { readonly pid: number; readonly backendId: string | null }[];
  const pids: number[] = [];
  let isOwnMeant = false;
  const refused = new Map<number, LockConfigurationError>();
  for (const { pid, backendId } of holders) {
    try {
      const ending = await terminateHolders(query, { key, pid, ...(backendId !== null && { backendId }) });
      pids.push(...ending.pids);
      isOwnMeant ||= ending.isOwnMeant;
    } catch (error) {
      if (!(error instanceof LockConfigurationError)) throw error;
      refused.set(pid, error);
    }
  }
  const [first] = refused.values();
  if (first === undefined) return { pids, isOwnMeant };
  if (pids.length === 0) return { pids, isOwnMeant, refusal: first };
  return { pids, isOwnMeant, refusal: endedInPart(pids, [...refused.keys()], first) };
}

function endedInPart(
  ended: readonly number[],
  refused: readonly number[],
  { message, cause }: LockConfigurationError,
): LockConfigurationError {
  return new LockConfigurationError(
    `Of several holders, ${backends(ended)} was ended, and ${backends(refused)} was not. ${message}`,
    { cause },
  );
}

function backends(pids: readonly number[]): string {
  return `${pids.length === 1 ? 'the backend' : 'each of the backends'} ${pids.join(', ')}`;
}
