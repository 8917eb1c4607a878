import { applicationNameOf, type LockRuntime } from '../core/index.js';
import type { Problem } from './diagnosis.js';
import { IN_THIS_DATABASE } from './inspect-statement.js';
import { BULLMQ } from './known-tools.js';

/** The functions of BullMQ, in whatever schema they are, hash the names of their locks by themselves. */
const BULLMQ_IS_HERE = `EXISTS (
  SELECT FROM pg_catalog.pg_proc
  WHERE pronamespace <> 'pg_catalog'::regnamespace AND prosrc LIKE '%hashtext(''bullmq:%')`;

/** A key of 32 bits, sign extended, on which a process of this library has a lock. */
const SHORT_KEY_OF_LIBRARY = `SELECT ((classid::int8 << 32) | objid::int8)::text
  FROM pg_catalog.pg_locks JOIN pg_catalog.pg_stat_activity USING (pid)
  WHERE ${IN_THIS_DATABASE} AND objsubid = 1
    AND application_name LIKE '${applicationNameOf('%')}'
    AND ((classid::int8 = 0 AND objid::int8 < 2147483648)
      OR (classid::int8 = 4294967295 AND objid::int8 >= 2147483648))
  LIMIT 1`;

/**
 * Whether locks of 32 bits are in use in a database in which BullMQ takes locks of 32 bits: a lock that is
 * held for long then meets one of them now and then, and holds up a statement of BullMQ.
 *
 * @param ofFleet - whether locks of other processes count, too.
 */
export async function shortKeysBesideBullMq(
  { keys, server }: Pick<LockRuntime, 'keys' | 'server'>,
  ofFleet: boolean,
): Promise<Problem[]> {
  const own = keys.shortKeys;
  if (own === undefined && !ofFleet) return [];
  const found = own === undefined ? SHORT_KEY_OF_LIBRARY : `SELECT ''`;
  // What cannot be found out is no problem: the server has been checked by now.
  const [key] = await server.query({ text: `SELECT (${found}) WHERE ${BULLMQ_IS_HERE}` }).catch(() => []);
  if (key == null) return [];
  const what = own ?? `a process has a lock with the key ${key}`;
  return [
    {
      code: 'SHORT_KEYS',
      message:
        `${BULLMQ} locks keys of 32 bits in this database, and so does this library: ${what}. Now and then ` +
        `both have the same key, and a statement of ${BULLMQ} waits until that lock is released. Use a key ` +
        'scheme of 64 bits, such as `sha256`.',
    },
  ];
}
