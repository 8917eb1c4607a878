import type { ServerFacts } from './handshake.js';
import { canWatchClient, SEARCH_PATH, WATCH_CLIENT_MS } from './session-settings.js';

/**
 * Whether there is a pooler between the application and the server. `'detect'` finds out, `'none'` means that
 * each connection has a backend of its own, and `'transaction'` means that it may have another backend in
 * each transaction.
 */
export type PoolerOption = 'detect' | 'none' | 'transaction';

/** The settings of the transaction that pins a backend. `transaction_timeout` exists since Postgres 17. */
export function pinSettings(server: ServerFacts, frozenAfterMs = 0): ReadonlyMap<string, string> {
  return new Map<string, string>([
    SEARCH_PATH,
    ['statement_timeout', '0'],
    ['lock_timeout', '0'],
    ['idle_in_transaction_session_timeout', String(frozenAfterMs)],
    ...(server.versionNumber >= 170_000 ? [['transaction_timeout', '0'] as const] : []),
    ...(canWatchClient(server) ? [['client_connection_check_interval', WATCH_CLIENT_MS] as const] : []),
  ]);
}

/**
 * Whether the connection may have another backend in each transaction. A pooler announces a pid of its own,
 * so that it can forward a cancel, while the backend knows its real pid. Where the driver does not report the
 * announced one, there may be a pooler.
 */
export function isPooled(
  option: PoolerOption,
  announcedPid: number | null | undefined,
  backendPid: number,
): boolean {
  if (option !== 'detect') return option === 'transaction';
  return announcedPid !== backendPid;
}
