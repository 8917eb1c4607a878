import { StandbyError } from '../errors/standby.error.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { Statement } from './statement.js';

/** What a request does with one key. */
export type LockOperation = 'try' | 'unlock';

export interface LockRequest {
  readonly operation: LockOperation;
  readonly mode: LockMode;
  readonly key: LockKey;
}

// A single session lock with a bigint key. Measured: a quarter faster than the batch statement below.
const TRY_ONE =
  'SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_try_advisory_lock($1) END';
const UNLOCK_ONE = 'SELECT pg_catalog.pg_advisory_unlock($1)';

// One letter per request, so that any number of requests is the same prepared statement with two parameters,
// and its result one row with one letter per request. The aggregate reads the function scan in order, as its
// input is neither sorted nor joined; test/integration/lock-statements.spec.ts checks the plan. No key occurs
// twice in a batch, so exclusion does not depend on that order, only which result belongs to which request.
export const LETTERS = {
  bigint: { exclusive: { try: 't', unlock: 'u' }, shared: { try: 's', unlock: 'v' } },
  pair: { exclusive: { try: 'T', unlock: 'U' }, shared: { try: 'S', unlock: 'V' } },
} as const;

export const YES = 'y';
const NO = 'n';
/** The server is a standby, which grants the same lock as its primary, so no lock was tried. */
const STANDBY = 's';

/** The prepared statement of {@link BATCH}. */
export const BATCH_NAME = 'advisory_lock_batch';

export const BATCH = `SELECT pg_catalog.string_agg(
  CASE WHEN pg_catalog.pg_is_in_recovery() THEN '${STANDBY}' WHEN CASE operation
    WHEN 't' THEN pg_catalog.pg_try_advisory_lock(key)
    WHEN 'u' THEN pg_catalog.pg_advisory_unlock(key)
    WHEN 's' THEN pg_catalog.pg_try_advisory_lock_shared(key)
    WHEN 'v' THEN pg_catalog.pg_advisory_unlock_shared(key)
    WHEN 'T' THEN pg_catalog.pg_try_advisory_lock((key >> 32)::int4, ((key << 32) >> 32)::int4)
    WHEN 'U' THEN pg_catalog.pg_advisory_unlock((key >> 32)::int4, ((key << 32) >> 32)::int4)
    WHEN 'S' THEN pg_catalog.pg_try_advisory_lock_shared((key >> 32)::int4, ((key << 32) >> 32)::int4)
    WHEN 'V' THEN pg_catalog.pg_advisory_unlock_shared((key >> 32)::int4, ((key << 32) >> 32)::int4)
  END THEN '${YES}' ELSE '${NO}' END, '')
FROM ROWS FROM (pg_catalog.unnest(pg_catalog.string_to_array($1, NULL)), pg_catalog.unnest($2::int8[]))
  AS request (operation, key)`;

/** The fastest statement for these requests. {@link resultsOf} reads its result. */
export function statementFor(requests: readonly LockRequest[]): Statement {
  const [first] = requests;
  if (requests.length === 1 && first?.mode === 'exclusive' && !first.key.isPair) {
    return first.operation === 'try'
      ? { name: 'advisory_lock_try', text: TRY_ONE, values: [first.key.id] }
      : { name: 'advisory_lock_unlock', text: UNLOCK_ONE, values: [first.key.id] };
  }
  // Joined, and not added one by one, which makes a string for each.
  const letters: string[] = [];
  const keys: string[] = [];
  for (const { operation, mode, key } of requests) {
    letters.push(LETTERS[key.isPair ? 'pair' : 'bigint'][mode][operation]);
    // The text of a bigint key is there already.
    keys.push(key.isPair ? String(key.bits) : key.id);
  }
  return { name: BATCH_NAME, text: BATCH, values: [letters.join(''), `{${keys.join(',')}}`] };
}

/** Reads the result of a {@link statementFor} statement: one letter per request, `y` when it succeeded. */
export function resultsOf([value]: readonly (string | null)[], count: number): string {
  // The result of a single request is a boolean of Postgres, or NULL.
  const results = value === 't' ? YES : value === 'f' ? NO : value === null ? STANDBY : value;
  if (results?.includes(STANDBY) === true) throw new StandbyError();
  if (results?.length === count) return results;
  throw new Error(`Postgres must return ${count} results, received ${JSON.stringify(value)}`);
}
