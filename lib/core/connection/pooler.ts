import type { ServerFacts } from './handshake.js';
import { canWatchClient, WATCH_CLIENT_MS } from './session-settings.js';

/**
 * Whether there is a pooler between here and the server: `'detect'` finds out, `'none'` says that each connection has a backend of
 * its own, `'transaction'` that it may have another one in each transaction.
 */
export type PoolerOption = 'detect' | 'none' | 'transaction';

/**
 * The settings of the transaction that pins a backend. `transaction_timeout` came with Postgres 17.
 */
export function pinSettings(server: ServerFacts, frozenAfterMs = 0): ReadonlyMap<string, string> {
  return new Map([
    ['statement_timeout', '0'],
    ['lock_timeout', '0'],
    ['idle_in_transaction_session_timeout', String(frozenAfterMs)],
    ...(server.versionNumber >= 170_000 ? [['transaction_timeout', '0'] as const] : []),
    ...(canWatchClient(server) ? [['client_connection_check_interval', WATCH_CLIENT_MS] as const] : []),
  ]);
}

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
