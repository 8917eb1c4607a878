import { type LockKey, type LockRuntime, ownLockOf } from '../core/index.js';
import { sqlLiteral } from './key-sql.js';

/** A transaction that holds a lock without a backend. */
export interface PreparedTransaction {
  readonly gid: string;
  readonly owner: string;
  readonly preparedAt: Date;
}

// Found by its transaction id, which a prepared transaction keeps locked: the way pg_locks writes its virtual
// transaction has changed in minor releases (14.1, 13.5).
const PREPARED = `SELECT pg_catalog.json_build_object(
  'gid', prepared.gid, 'owner', prepared.owner,
  'preparedMs', pg_catalog.date_part('epoch', prepared.prepared) * 1000)::text
FROM pg_catalog.pg_locks AS lock
JOIN pg_catalog.pg_locks AS own ON own.locktype = 'transactionid' AND own.pid IS NULL
  AND own.virtualtransaction = lock.virtualtransaction
JOIN pg_catalog.pg_prepared_xacts AS prepared ON prepared.transaction = own.transactionid
WHERE lock.locktype = 'advisory' AND lock.pid IS NULL AND prepared.database = pg_catalog.current_database()
  AND pg_catalog.concat_ws(':', lock.classid, lock.objid, lock.objsubid) = ANY ($1::text[])`;

/** The statement that ends one; it must run in the database of the transaction. */
export function rollbackOf({ gid }: PreparedTransaction): string {
  return `ROLLBACK PREPARED ${sqlLiteral(gid)}`;
}

/** The prepared transactions that hold one of the keys. */
export async function preparedHolders(
  { server }: Pick<LockRuntime, 'server'>,
  keys: readonly LockKey[],
): Promise<PreparedTransaction[]> {
  const rows = await server.query({ text: PREPARED, values: [`{${keys.map(ownLockOf).join(',')}}`] });
  return rows.map((row) => {
    const { gid, owner, preparedMs } = JSON.parse(row ?? '') as {
      gid: string;
      owner: string;
      preparedMs: number;
    };
    return { gid, owner, preparedAt: new Date(preparedMs) };
  });
}
