import type { LockTable } from '../engine/lock-table.js';
import { inspectLocks } from '../inspect/inspect-locks.js';
import type { LockKey } from '../engine/lock-key.js';
import { ownLockOf } from '../engine/lock-statements.js';
import type { SeenLock } from './seen-lock.js';

/** What is seen of the locks of the database at one moment. */
export interface LockView {
  /** By the clock of the server, as all moments in it are. */
  readonly now: Date;
  readonly locks: readonly SeenLock[];
}

/** A transaction that holds a lock without a backend. */
export interface PreparedTransaction {
  readonly gid: string;
  readonly owner: string;
  readonly preparedAt: Date;
}

const NOW = `SELECT (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000)::text`;

/** Looks at all advisory locks, also to see which others a holder has. */
export async function viewLocks(
  table: LockTable,
  nameOf: (keyId: string) => string | undefined,
): Promise<LockView> {
  const look = table.look.bind(table);
  const locks = await inspectLocks(look, { nameOf });
  const [nowMs] = await look({ text: NOW, values: [] });
  return { now: new Date(Number(nowMs)), locks };
}

// By its own transaction id, which a prepared transaction keeps locked: how pg_locks writes its virtual transaction has changed in minor
// releases (14.1, 13.5).
const PREPARED = `SELECT pg_catalog.json_build_object(
  'gid', prepared.gid, 'owner', prepared.owner, 'preparedMs', pg_catalog.date_part('epoch', prepared.prepared) * 1000)::text
FROM pg_catalog.pg_locks AS lock
JOIN pg_catalog.pg_locks AS own ON own.locktype = 'transactionid' AND own.pid IS NULL
  AND own.virtualtransaction = lock.virtualtransaction
JOIN pg_catalog.pg_prepared_xacts AS prepared ON prepared.transaction = own.transactionid
WHERE lock.locktype = 'advisory' AND lock.pid IS NULL AND prepared.database = pg_catalog.current_database()
  AND pg_catalog.concat_ws(':', lock.classid, lock.objid, lock.objsubid) = ANY ($1::text[])`;

/** The prepared transactions that hold one of the keys. */
export async function preparedHolders(
  table: LockTable,
  keys: readonly LockKey[],
): Promise<PreparedTransaction[]> {
  const rows = await table.look({ text: PREPARED, values: [`{${keys.map(ownLockOf).join(',')}}`] });
  return rows.map((row) => {
    const { gid, owner, preparedMs } = JSON.parse(row ?? '') as {
      gid: string;
      owner: string;
      preparedMs: number;
    };
    return { gid, owner, preparedAt: new Date(preparedMs) };
  });
}
