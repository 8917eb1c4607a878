import { instanceOf, LockKey, type Statement } from '../core/index.js';
import {
  type BackendRow,
  type InspectNotification,
  type InspectResult,
  inspectStatement,
} from './inspect-statement.js';
import type { InspectedBackend, InspectedKey, InspectedLock } from './inspected-lock.js';
import { BULLMQ, knownToolsOf, toolOfPair } from './known-tools.js';

/** Runs one statement, and returns the first column of its rows as text. */
export type RunQuery = (statement: Statement) => Promise<readonly (string | null)[]>;

export interface InspectOptions {
  /** Only locks on these keys; without it, all. */
  readonly keys?: readonly LockKey[];
  /** The known names: the name of a key by its `id`. */
  readonly nameOf?: (keyId: string) => string | undefined;
  /** Whether the connections of this library are listed too. */
  readonly wantsMembers?: boolean;
  /** What is sent by NOTIFY in the same statement; lists the connections of this library too. */
  readonly notification?: InspectNotification | undefined;
}

/** A lock connection of this library. */
export interface LibraryBackend {
  readonly pid: number;
  /** Which instance it belongs to, by its application name. */
  readonly instance: string;
  /** The oid of the role that it has logged in as, which every role may see. */
  readonly role: number;
}

/** What one inspection of the server has found. */
export interface Inspected {
  readonly database: string;
  /** When the server was inspected, by its clock, as are all moments in the result. */
  readonly now: Date;
  readonly locks: InspectedLock[];
  /** The lock connections of this library, when they were wanted. */
  readonly members: LibraryBackend[];
  /** The oid of the role of the connection that inspects, when they were wanted. */
  readonly ownRole?: number;
}

/**
 * The advisory locks of the database: held locks first, then waiters, the longest wait first. One statement.
 *
 * The connection that inspects must hold no transaction lock itself: all its locks count as session locks.
 */
export async function inspectLocks(
  query: RunQuery,
  { keys = [], nameOf = () => undefined, wantsMembers = false, notification }: InspectOptions = {},
): Promise<Inspected> {
  const [text] = await query(inspectStatement(keys, wantsMembers, notification));
  const {
    database,
    nowMs,
    ownPid,
    locks,
    backends,
    members = [],
    ownRole,
  } = JSON.parse(text ?? '') as InspectResult;
  const toolOf = knownToolsOf(database);
  const statementOf = new Map(backends.map(({ pid, statementMs }) => [pid, statementMs]));
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
      // A session of this library waits in turns, of which `pg_locks` knows the last; its statement is
      // the wait.
      const statementMs = backend?.instance === undefined || isGranted ? null : statementOf.get(backend.pid);
      const waitedMs = statementMs == null ? waitingMs : nowMs - statementMs;
      const scope = pid === null ? 'transaction' : !isInTransaction || pid === ownPid ? 'session' : undefined;
      return {
        key,
        ...present('name', nameOf(key.id)),
        ...present('tool', key.form === 'bigint' ? toolOf(key.id) : toolOfPair(key.pair)),
        mode: isShared ? 'shared' : 'exclusive',
        isGranted,
        ...(isGranted && scope !== undefined && { scope }),
        ...present('backend', backend),
        ...present('instance', backend?.instance),
        ...present('waitingSince', waitedMs === null ? undefined : new Date(nowMs - waitedMs)),
        ...present('waitingMs', waitedMs ?? undefined),
        blockedBy: [...new Set(blockedBy)],
      };
    },
  );
  return {
    database,
    now: new Date(nowMs),
    locks: withBullMq(inspected),
    members: members.flatMap(([pid, applicationName, role]) => {
      const instance = instanceOf(applicationName);
      return instance === undefined ? [] : [{ pid, instance, role }];
    }),
    ...present('ownRole', ownRole),
  };
}

/** Names the 32-bit keys of transactions that hold a pair of BullMQ, whose hashed names cannot be known. */
function withBullMq(locks: InspectedLock[]): InspectedLock[] {
  const pids = new Set(locks.flatMap(({ tool, backend }) => (tool === BULLMQ ? (backend?.pid ?? []) : [])));
  if (pids.size === 0) return locks;
  return locks.map((lock) => {
    const { key, name, tool, backend, scope } = lock;
    const isShort = key.form === 'bigint' && BigInt.asIntN(32, BigInt(key.bigint)) === BigInt(key.bigint);
    const isOfBullMq = isShort && scope !== 'session' && backend !== undefined && pids.has(backend.pid);
    return isOfBullMq && name === undefined && tool === undefined ? { ...lock, tool: BULLMQ } : lock;
  });
}

/** All forms of a key that `pg_locks` shows with these numbers. */
export function inspectedKey(classid: number, objid: number, objsubid: 1 | 2): InspectedKey {
  const { id, isPair, bits, pair } = LockKey.inPgLocks({ classid, objid, objsubid });
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
    // Postgres writes -1 for a socket file.
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

/** A property that is present or missing, rather than present and undefined. */
function present<K extends string, V extends string | number | object>(
  name: K,
  value: V | undefined,
): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, V>);
}
