import { setTimeout as sleep } from 'node:timers/promises';
import { withClient } from '../support/admin.js';

/** A backend is gone some moments after its client; the server is given this long. */
const GRACE_MS = 10_000;

/** The advisory locks that stay without a holder, one text for each. */
export function leftLocks(url: string): Promise<string[]> {
  return leftAfterGrace(
    url,
    `SELECT format('lock %s:%s:%s (%s) of backend %s', classid, objid, objsubid, mode, pid) AS left
       FROM pg_catalog.pg_locks WHERE locktype = 'advisory'`,
  );
}

/** The connections that stay though their clients are gone, one text for each. */
export function leftConnections(url: string): Promise<string[]> {
  return leftAfterGrace(
    url,
    `SELECT format('connection of %s as %s, %s: %s', application_name, usename, state, query) AS left
       FROM pg_catalog.pg_stat_activity
      WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
  );
}

function leftAfterGrace(url: string, sql: string): Promise<string[]> {
  return withClient(url, async (client) => {
    const deadline = performance.now() + GRACE_MS;
    for (;;) {
      const { rows } = await client.query<{ left: string }>(sql);
      if (rows.length === 0 || performance.now() > deadline) return rows.map(({ left }) => left);
      await sleep(50);
    }
  });
}
