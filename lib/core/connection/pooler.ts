import type { ServerFacts } from './handshake.js';
import { canWatchClient, WATCH_CLIENT_MS } from './session-settings.js';

/**
 * Whether there is a pooler between here and the server: `'detect'` finds out, `'none'` says that each connection has a backend of
 * its own, `'transaction'` that it may have another one in each transaction.
 */
export type PoolerOption = 'detect' | 'none' | 'transaction';

/**
 * Whether the connection may be given another backend from one transaction to the next. A pooler introduces itself with a number of
 * its own, so that it can pass on a cancel; the backend knows its real one. A driver that does not tell is not trusted.
 */
export function isPooled(
  option: PoolerOption,
  announcedPid: number | null | undefined,
  backendPid: number,
): boolean {
  if (option !== 'detect') return option === 'transaction';
  return announcedPid !== backendPid;
}

/**
 * Opens a transaction, which keeps the pooler from giving the backend to anybody else. At READ COMMITTED and with nothing written it
 * does not hold back vacuum. `SET LOCAL` goes with the transaction, so that no setting leaks into those of others.
 */
export function pinScript(server: ServerFacts, frozenAfterMs = 0): string {
  const settings = [
    'statement_timeout = 0',
    'lock_timeout = 0',
    `idle_in_transaction_session_timeout = ${frozenAfterMs}`,
    ...(server.versionNumber >= 170_000 ? ['transaction_timeout = 0'] : []),
    ...(canWatchClient(server) ? [`client_connection_check_interval = ${WATCH_CLIENT_MS}`] : []),
  ];
  return (
    'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; ' +
    settings.map((setting) => `SET LOCAL ${setting}; `).join('') +
    'SELECT pg_catalog.pg_backend_pid() AS "backendPid"'
  );
}

/** Ends the transaction: the backend is anybody's again, so it must hold no lock any more. */
export const UNPIN = 'COMMIT';

/**
 * Goes on after a statement has failed, which spoils a transaction. One message, as the pooler takes the backend away only when the
 * server says, at the end of a message, that it is in no transaction.
 */
export function repinScript(pinScript: string): string {
  return `ROLLBACK; ${pinScript}`;
}
