import { StandbyError } from '../errors/standby.error.js';
import type { LockKey, PgLocksKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';

/** What can be asked of Postgres for one key. */
export type LockOperation = 'try' | 'unlock';

export interface LockRequest {
  readonly operation: LockOperation;
  readonly mode: LockMode;
  readonly key: LockKey;
}

/** A statement as node-postgres takes it. A name makes it a prepared statement of the session. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly string[];
}

// Session locks of one bigint. Measured against the batch statement below, a lone request is answered a quarter faster.
const TRY_ONE =
  'SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_try_advisory_lock($1) END';
const UNLOCK_ONE = 'SELECT pg_catalog.pg_advisory_unlock($1)';

// One letter a request, so that any number of requests is always the same prepared statement with two parameters, and
// its answer one row with one letter a request. The aggregate reads the function scan in order, as its input is neither
// sorted nor joined; test/integration/lock-statements.spec.ts holds on to the plan. Within a batch no key comes twice, so
// exclusion does not hang on that order, only which answer belongs to which request.
const LETTERS = {
  bigint: { exclusive: { try: 't', unlock: 'u' }, shared: { try: 's', unlock: 'v' } },
  pair: { exclusive: { try: 'T', unlock: 'U' }, shared: { try: 'S', unlock: 'V' } },
} as const;

export const YES = 'y';
const NO = 'n';
/** The server is a standby, which grants what its primary has granted to others, so it was not asked. */
const STANDBY = 's';

export const BATCH = `SELECT pg_catalog.string_agg(CASE WHEN pg_catalog.pg_is_in_recovery() THEN '${STANDBY}' WHEN
  CASE operation
    WHEN 't' THEN pg_catalog.pg_try_advisory_lock(key)
    WHEN 'u' THEN pg_catalog.pg_advisory_unlock(key)
    WHEN 's' THEN pg_catalog.pg_try_advisory_lock_shared(key)
    WHEN 'v' THEN pg_catalog.pg_advisory_unlock_shared(key)
    WHEN 'T' THEN pg_catalog.pg_try_advisory_lock((key >> 32)::int4, ((key << 32) >> 32)::int4)
    WHEN 'U' THEN pg_catalog.pg_advisory_unlock((key >> 32)::int4, ((key << 32) >> 32)::int4)
    WHEN 'S' THEN pg_catalog.pg_try_advisory_lock_shared((key >> 32)::int4, ((key << 32) >> 32)::int4)
    WHEN 'V' THEN pg_catalog.pg_advisory_unlock_shared((key >> 32)::int4, ((key << 32) >> 32)::int4)
  END THEN '${YES}' ELSE '${NO}' END, '')
FROM ROWS FROM (pg_catalog.unnest(pg_catalog.string_to_array($1, NULL)), pg_catalog.unnest($2::int8[])) AS request (operation, key)`;

/** The cheapest statement for these requests; {@link answersOf} reads what comes back. */
export function statementFor(requests: readonly LockRequest[]): Statement {
  const [first] = requests;
  if (requests.length === 1 && first?.mode === 'exclusive' && !first.key.isPair) {
    return first.operation === 'try'
      ? { name: 'advisory_lock_try', text: TRY_ONE, values: [first.key.id] }
      : { name: 'advisory_lock_unlock', text: UNLOCK_ONE, values: [first.key.id] };
  }
  let letters = '';
  let keys = '';
  for (const { operation, mode, key } of requests) {
    letters += LETTERS[key.isPair ? 'pair' : 'bigint'][mode][operation];
    keys += `,${key.bits}`;
  }
  return { name: 'advisory_lock_batch', text: BATCH, values: [letters, `{${keys.slice(1)}}`] };
}

/** Reads what a {@link statementFor} statement answers with: one letter a request, `y` when it succeeded. */
export function answersOf([value]: readonly (string | null)[], count: number): string {
  // A lone request is answered with a boolean of Postgres, or with nothing.
  const answers = value === 't' ? YES : value === 'f' ? NO : value === null ? STANDBY : value;
  if (answers?.includes(STANDBY) === true) throw new StandbyError();
  if (answers?.length === count) return answers;
  throw new Error(`expected ${count} answers from Postgres, got ${JSON.stringify(value)}`);
}

/**
 * Waits for the key in Postgres' queue, as one message and so in one implicit transaction: with it the settings go back to
 * what the role or database says, and the lock, which is the session's, stays.
 */
export function waitScript(key: LockKey, mode: LockMode, timeoutMs: number): string {
  return (
    `SET LOCAL lock_timeout = ${lockTimeoutOf(timeoutMs)}; SET LOCAL statement_timeout = 0; ` +
    `SELECT pg_catalog.${mode === 'shared' ? 'pg_advisory_lock_shared' : 'pg_advisory_lock'}(${argumentsOf(key)})`
  );
}

/** What `lock_timeout` is set to. 0 is no timeout, so the shortest is a millisecond. */
export function lockTimeoutOf(waitMs: number): number {
  return Number.isFinite(waitMs) ? Math.max(1, Math.ceil(waitMs)) : 0;
}

/** A key as arguments in a script. Quoted, as `-9223372036854775808` is the negation of a number that is no int8. */
export function argumentsOf({ value }: LockKey): string {
  return typeof value === 'bigint' ? `'${value}'::int8` : `'${value[0]}'::int4, '${value[1]}'::int4`;
}

/** Gives back whatever this session may hold. */
export const UNLOCK_ALL: Statement = { text: 'SELECT pg_catalog.pg_advisory_unlock_all()' };

export const BACKEND_PID: Statement = {
  name: 'advisory_lock_backend_pid',
  text: 'SELECT pg_catalog.pg_backend_pid()',
};

/**
 * The number of the transaction that it is: each is higher than all that were given before, across all sessions.
 *
 * A crash of the server forgets numbers of transactions that wrote nothing, and of those whose commit was not flushed, and gives them
 * again (test/faults/fencing.spec.ts). Hence the message, which only logical decoding could see, and `local`, which waits for the
 * server's disk, and not for a standby that may be away.
 *
 * @see https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-REPLICATION
 */
export const TRANSACTION_ID: Statement = {
  name: 'advisory_lock_transaction_id',
  // The name that versions before 13 know too.
  text: `SELECT pg_catalog.txid_current()
FROM pg_catalog.set_config('synchronous_commit', 'local', true),
  pg_catalog.pg_logical_emit_message(true, 'nestjs-advisory-lock', '')`,
};

/** Lets `pg_stat_activity` be read anew: inside of one transaction it stays as it was when it was first read. */
export const CLEAR_SNAPSHOT: Statement = { text: 'SELECT pg_catalog.pg_stat_clear_snapshot()' };

/** Ends what another backend of the same role is waiting for. */
export function cancelStatement(backendPid: number): Statement {
  return { text: 'SELECT pg_catalog.pg_cancel_backend($1::int4)', values: [String(backendPid)] };
}

/** Every advisory lock that this very backend holds, as `classid:objid:objsubid`. */
export const OWN_LOCKS: Statement = {
  text: `SELECT pg_catalog.concat_ws(':', classid, objid, objsubid)
FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND granted AND pid = pg_catalog.pg_backend_pid()`,
};

/** How a key is written by {@link OWN_LOCKS}. */
export function ownLockOf(key: PgLocksKey): string {
  return `${key.classid}:${key.objid}:${key.objsubid}`;
}

/** Whether anybody in this database holds the key. */
export function isLockedStatement(key: LockKey): Statement {
  return existsStatement('advisory_lock_is_locked', 'granted', key);
}

/** Whether anybody in this database waits for the key in Postgres' queue. */
export function isWaitedForStatement(key: LockKey): Statement {
  return existsStatement('advisory_lock_is_waited_for', 'NOT granted', key);
}

function existsStatement(name: string, condition: string, key: LockKey): Statement {
  return {
    name,
    text: `SELECT EXISTS (
  SELECT FROM pg_catalog.pg_locks
  WHERE locktype = 'advisory' AND ${condition} AND classid = $1::oid AND objid = $2::oid AND objsubid = $3::int2
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))`,
    values: [String(key.classid), String(key.objid), String(key.objsubid)],
  };
}
