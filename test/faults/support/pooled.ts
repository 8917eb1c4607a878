import type { TestDatabase } from '../../support/test-database.js';

export interface PinnedConnection {
  pid: number;
  state: string;
  holdsBackVacuum: boolean;
}

/** The server connections in a transaction, which a pooler in transaction mode gives to none of its other clients. */
export function pinnedConnections(database: TestDatabase): Promise<PinnedConnection[]> {
  return database.query<PinnedConnection>(
    `SELECT pid, state, backend_xmin IS NOT NULL OR backend_xid IS NOT NULL AS "holdsBackVacuum" FROM pg_stat_activity
      WHERE datname = $1 AND state <> 'idle' AND pid <> pg_backend_pid()`,
    [database.name],
  );
}
