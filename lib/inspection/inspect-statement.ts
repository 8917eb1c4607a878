import {
  applicationNameOf,
  type LockKey,
  NOTIFY_SETTINGS,
  ownLockOf,
  type Statement,
} from '../core/index.js';

/** A row of the result: an array rather than an object, because there may be many. */
export type LockRow = readonly [
  classid: number,
  objid: number,
  objsubid: 1 | 2,
  isShared: boolean,
  isGranted: boolean,
  pid: number | null,
  isInTransaction: boolean,
  waitingMs: number | null,
  blockedBy: readonly number[] | null,
];

export interface BackendRow {
  readonly pid: number;
  readonly id: string | null;
  readonly user: string | null;
  readonly applicationName: string | null;
  readonly clientAddress: string | null;
  readonly clientPort: number | null;
  readonly state: string | null;
  readonly startedMs: number | null;
  readonly transactionMs: number | null;
  readonly stateMs: number | null;
  /** When the statement that it runs has started; null when it runs none. */
  readonly statementMs: number | null;
}

export interface InspectResult {
  readonly database: string;
  readonly nowMs: number;
  readonly ownPid: number;
  readonly locks: readonly LockRow[];
  readonly backends: readonly BackendRow[];
  readonly members?: readonly (readonly [pid: number, applicationName: string, role: number])[];
  readonly ownRole?: number;
}

/** Identifies a backend: the system reuses pids. */
export const BACKEND_ID =
  "pid || '@' || pg_catalog.round(pg_catalog.date_part('epoch', backend_start) * 1000000)::int8";

/** `pg_locks` lists the advisory locks of all databases. */
export const IN_THIS_DATABASE = `locktype = 'advisory'
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())`;

// - `waitstart` exists since Postgres 14; read as JSON, it lets the same statement run on older servers.
// - A virtual transaction with the number 0 is none: the backend is outside transactions, so its locks belong
//   to the session. Every role sees that, and at the same moment as the lock, unlike the `state` in
//   pg_stat_activity.
// - pg_blocking_pids() halts the lock manager for a moment, so it is called for waiters only.
const inspectText = (more = '', from = ''): string => `WITH lock AS MATERIALIZED (
  SELECT classid, objid, objsubid, mode, granted, pid, virtualtransaction,
    CASE WHEN NOT granted THEN (pg_catalog.to_jsonb(entry) ->> 'waitstart')::timestamptz END AS waitstart
  FROM pg_catalog.pg_locks AS entry
  WHERE ${IN_THIS_DATABASE}
    AND ($1 = '{}' OR pg_catalog.concat_ws(':', classid, objid, objsubid) = ANY ($1::text[]))
)
SELECT pg_catalog.json_build_object(
  'database', pg_catalog.current_database(),
  'nowMs', pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000,
  'ownPid', pg_catalog.pg_backend_pid(),
  'locks', (SELECT COALESCE(pg_catalog.json_agg(pg_catalog.json_build_array(
      classid::int8, objid::int8, objsubid, mode = 'ShareLock', granted, pid,
      virtualtransaction NOT LIKE '%/0',
      pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - waitstart) * 1000,
      CASE WHEN NOT granted THEN pg_catalog.pg_blocking_pids(pid) END)
    ORDER BY granted DESC, waitstart, pid), '[]') FROM lock),
  'backends', (SELECT COALESCE(pg_catalog.json_agg(pg_catalog.json_build_object(
      'pid', pid,
      'id', ${BACKEND_ID},
      'user', usename,
      'applicationName', application_name,
      'clientAddress', pg_catalog.host(client_addr),
      'clientPort', client_port,
      'state', state,
      'startedMs', pg_catalog.date_part('epoch', backend_start) * 1000,
      'transactionMs', pg_catalog.date_part('epoch', xact_start) * 1000,
      'stateMs', pg_catalog.date_part('epoch', state_change) * 1000,
      'statementMs', CASE WHEN state = 'active'
        THEN pg_catalog.date_part('epoch', query_start) * 1000 END)), '[]')
    FROM pg_catalog.pg_stat_activity WHERE pid IN (SELECT pid FROM lock))${more})::text${from}`;

const MEMBERS = `, 'ownRole', (
    SELECT usesysid::int8 FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()),
  'members', (
    SELECT COALESCE(pg_catalog.json_agg(pg_catalog.json_build_array(
      pid, application_name, usesysid::int8)), '[]')
    FROM pg_catalog.pg_stat_activity
    WHERE datname = pg_catalog.current_database()
      AND application_name LIKE '${applicationNameOf('%')}')`;

const INSPECT = inspectText();
const INSPECT_WITH_MEMBERS = inspectText(MEMBERS);
const INSPECT_AND_NOTIFY = inspectText(
  `${MEMBERS}, 'notified', pg_catalog.pg_notify($3, $2)::text`,
  ` FROM ${NOTIFY_SETTINGS}`,
);

/** What is sent by NOTIFY in the same statement. */
export interface InspectNotification {
  readonly channel: string;
  readonly payload: string;
}

/** The statement that inspects the locks on these keys, or all of them; its result is one JSON text. */
export function inspectStatement(
  keys: readonly LockKey[],
  wantsMembers: boolean,
  notification?: InspectNotification,
): Statement {
  const keysText = `{${keys.map(ownLockOf).join(',')}}`;
  if (notification !== undefined) {
    return { text: INSPECT_AND_NOTIFY, values: [keysText, notification.payload, notification.channel] };
  }
  return { text: wantsMembers ? INSPECT_WITH_MEMBERS : INSPECT, values: [keysText] };
}
