import { applicationNameOf, instanceOf, LockKey, ownLockOf, type Statement } from '../core/index.js';
import { NOTIFY_SETTINGS, QUESTIONS } from '../fleet/channels.js';
import type { SilentBackend } from '../fleet/fleet-look.js';
import type { InspectedBackend, InspectedKey, InspectedLock } from './inspected-lock.js';
import { knownToolsOf } from './known-tools.js';

/** Runs one statement, and answers the first column of its rows as text. */
export type Look = (statement: Statement) => Promise<readonly (string | null)[]>;

export interface InspectOptions {
  /** Only locks on these keys; without it, all. */
  readonly keys?: readonly LockKey[];
  /** What is known of names: the name of a key by its `id`. */
  readonly nameOf?: (keyId: string) => string | undefined;
}

/** What else may be wanted of the same statement. */
interface FleetOptions {
  /** Whether the connections of this library are listed too. */
  readonly wantsMembers?: boolean;
  /** What to ask the fleet. */
  readonly question?: string;
}

/** What one look has brought. */
export interface Inspected {
  readonly database: string;
  /** By the clock of the server, of which are the moments in it. */
  readonly now: Date;
  readonly locks: InspectedLock[];
  /** The connections of this library, when they were wanted. */
  readonly members: SilentBackend[];
}

/** A row of the answer: arrays rather than objects, as there may be many. */
type LockRow = readonly [
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

interface BackendRow {
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
}

interface Answer {
  readonly database: string;
  readonly nowMs: number;
  readonly ownPid: number;
  readonly locks: readonly LockRow[];
  readonly backends: readonly BackendRow[];
  readonly members?: readonly (readonly [pid: number, applicationName: string])[];
}

/** Which backend it is, as pids are given again. */
export const BACKEND_ID = `pid || '@' || pg_catalog.round(pg_catalog.date_part('epoch', backend_start) * 1000000)::int8`;

/** Of this database, as `pg_locks` has the advisory locks of all. */
export const IN_THIS_DATABASE = `locktype = 'advisory'
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())`;

// - `waitstart` is there since Postgres 14; by way of JSON the same statement runs on older ones.
// - A virtual transaction with the number 0 is none: the backend is outside of transactions, so what it holds is of the session. That is
//   seen by every role and in the same moment as the lock, other than the `state` in pg_stat_activity.
// - pg_blocking_pids() halts the lock manager for a moment, so only those who wait are asked for.
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
      classid::int8, objid::int8, objsubid, mode = 'ShareLock', granted, pid, virtualtransaction NOT LIKE '%/0',
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
      'stateMs', pg_catalog.date_part('epoch', state_change) * 1000)), '[]')
    FROM pg_catalog.pg_stat_activity WHERE pid IN (SELECT pid FROM lock))${more})::text${from}`;

const MEMBERS = `, 'members', (SELECT COALESCE(pg_catalog.json_agg(pg_catalog.json_build_array(pid, application_name)), '[]')
    FROM pg_catalog.pg_stat_activity
    WHERE datname = pg_catalog.current_database() AND application_name LIKE '${applicationNameOf('%')}')`;

const INSPECT = inspectText();
const INSPECT_FLEET = inspectText(MEMBERS);
const ASK_FLEET = inspectText(
  `${MEMBERS}, 'asked', pg_catalog.pg_notify('${QUESTIONS}', $2)::text`,
  ` FROM ${NOTIFY_SETTINGS}`,
);

/**
 * The advisory locks of the database, those that are held first, then those that are waited for, the longest wait first. One statement.
 *
 * The connection that looks must hold no transaction lock itself: what it holds is taken to be of the session.
 */
export async function inspectLocks(look: Look, options?: InspectOptions): Promise<InspectedLock[]> {
  return (await inspect(look, options)).locks;
}

/** The same, with what belongs to the fleet. */
export async function inspect(
  look: Look,
  { keys = [], nameOf = () => undefined, wantsMembers, question }: InspectOptions & FleetOptions = {},
): Promise<Inspected> {
  const keysText = `{${keys.map(ownLockOf).join(',')}}`;
  const [text] = await look(
    question === undefined
      ? { text: wantsMembers === true ? INSPECT_FLEET : INSPECT, values: [keysText] }
      : { text: ASK_FLEET, values: [keysText, question] },
  );
  const { database, nowMs, ownPid, locks, backends, members = [] } = JSON.parse(text ?? '') as Answer;
  const toolOf = knownToolsOf(database);
  const backendOf = new Map<number, InspectedBackend>(
    backends.map((row) => [row.pid, inspectedBackend(row)]),
  );
  const inspected = locks.map(
    ([
      classid,
      objid,
      objsubid,
      isShared,
      isGranted,
      pid,
      isInTransaction,
      waitingMs,
      blockedBy,
    ]): InspectedLock => {
      const key = inspectedKey(classid, objid, objsubid);
      const backend = pid === null ? undefined : (backendOf.get(pid) ?? { pid });
      const scope = pid === null ? 'transaction' : !isInTransaction || pid === ownPid ? 'session' : undefined;
      return {
        key,
        ...present('name', nameOf(key.id)),
        ...present('tool', key.form === 'bigint' ? toolOf(key.id) : undefined),
        mode: isShared ? 'shared' : 'exclusive',
        isGranted,
        ...(isGranted && scope !== undefined && { scope }),
        ...present('backend', backend),
        ...present('instance', backend?.instance),
        ...present('waitingSince', waitingMs === null ? undefined : new Date(nowMs - waitingMs)),
        ...present('waitingMs', waitingMs ?? undefined),
        blockedBy: [...new Set(blockedBy)],
      };
    },
  );
  return {
    database,
    now: new Date(nowMs),
    locks: inspected,
    members: members.flatMap(([pid, applicationName]) => {
      const instance = instanceOf(applicationName);
      return instance === undefined ? [] : [{ pid, instance }];
    }),
  };
}

/** All forms of the key that `pg_locks` writes so. */
export function inspectedKey(classid: number, objid: number, objsubid: 1 | 2): InspectedKey {
  const { id, isPair, bits } = LockKey.inPgLocks({ classid, objid, objsubid });
  const pair = [classid | 0, objid | 0] as const;
  return { id, form: isPair ? 'pair' : 'bigint', bigint: String(bits), pair, classid, objid, objsubid };
}

function inspectedBackend(row: BackendRow): InspectedBackend {
  const { pid, id, user, applicationName, clientAddress, clientPort, state } = row;
  return {
    pid,
    ...present('id', id ?? undefined),
    ...present('user', user ?? undefined),
    ...present('applicationName', applicationName ?? undefined),
    ...present('instance', instanceOf(applicationName ?? undefined)),
    ...present('clientAddress', clientAddress ?? undefined),
    // -1 stands for a socket file.
    ...present('clientPort', clientPort === null || clientPort < 0 ? undefined : clientPort),
    ...present('state', state ?? undefined),
    ...present('startedAt', dateOf(row.startedMs)),
    ...present('transactionStartedAt', dateOf(row.transactionMs)),
    ...present('stateChangedAt', dateOf(row.stateMs)),
  };
}

function dateOf(ms: number | null): Date | undefined {
  return ms === null ? undefined : new Date(ms);
}

/** A property that is there or not, rather than there and undefined. */
function present<K extends string, V extends string | number | object>(
  name: K,
  value: V | undefined,
): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, V>);
}
