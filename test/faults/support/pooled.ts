import type { TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';

export interface PinnedConnection {
  pid: number;
  state: string;
  holdsBackVacuum: boolean;
}

/**
 * The server connections in a transaction, which a pooler in transaction mode
 * gives to none of its other clients.
 */
export function pinnedConnections(database: TestDatabase): Promise<PinnedConnection[]> {
  return database.query<PinnedConnection>(
    `SELECT pid, state, backend_xmin IS NOT NULL OR backend_xid IS NOT NULL AS "holdsBackVacuum"
      FROM pg_stat_activity WHERE datname = $1 AND state <> 'idle' AND pid <> pg_backend_pid()`,
    [database.name],
  );
}

/** Waits until there is none; a release does not wait for the end of the transaction. */
export function nothingPinned(database: TestDatabase): Promise<void> {
  return until(
    async () => (await pinnedConnections(database)).length === 0,
    'no server connection is pinned',
  );
}
