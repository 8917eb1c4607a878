import { defer } from '../../support/cleanup.js';
import type { TestDatabase } from '../../support/test-database.js';

/** The key of a name, worked out by the server rather than by the library. */
const KEY = `('x' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 16))::bit(64)::bigint`;

/** Holds a lock until the end of the test, as another process would. */
export async function lockInOtherSession(database: TestDatabase, name: string): Promise<void> {
  await database.query(`SELECT pg_advisory_lock(${KEY})`, [name]);
  defer(() => unlockInOtherSession(database, name));
}

export async function unlockInOtherSession(database: TestDatabase, name: string): Promise<void> {
  await database.query(`SELECT pg_advisory_unlock(${KEY})`, [name]);
}

export async function isHeld(database: TestDatabase, name: string): Promise<boolean> {
  const rows = await database.query(
    `SELECT FROM pg_locks
      WHERE locktype = 'advisory' AND objsubid = 1 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32 | objid::bigint) = ${KEY}`,
    [name],
  );
  return rows.length === 1;
}
