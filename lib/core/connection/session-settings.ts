import type { ServerFacts } from './handshake.js';
import type { SessionTimes } from './session-times.js';

/**
 * The settings that a session of locks must have, whatever the settings of its role and database are. Nothing
 * may end it while it is quiet. And the server must notice a client that has vanished: within seconds, but
 * later than the client, which gives up after `lostAfterMs`.
 *
 * @see https://www.postgresql.org/docs/current/runtime-config-connection.html#RUNTIME-CONFIG-TCP-SETTINGS
 */
export function sessionSettings(
  { heartbeatMs, lostAfterMs, frozenAfterMs = 0 }: SessionTimes,
  server: ServerFacts,
): ReadonlyMap<string, string> {
  const freedAfterMs = lostAfterMs + Math.min(heartbeatMs, lostAfterMs);
  const idleSeconds = Math.max(1, Math.ceil(Math.min(heartbeatMs, lostAfterMs) / 1_000));
  const intervalSeconds = Math.max(1, Math.floor(idleSeconds / 2));
  return new Map<string, string>([
    SEARCH_PATH,
    ['statement_timeout', '0'],
    ['lock_timeout', '0'],
    ['transaction_timeout', '0'],
    ['idle_in_transaction_session_timeout', '0'],
    ['idle_session_timeout', String(frozenAfterMs)],
    ['tcp_keepalives_idle', String(idleSeconds)],
    ['tcp_keepalives_interval', String(intervalSeconds)],
    // Where there is no tcp_user_timeout, the number of probes decides.
    ['tcp_keepalives_count', String(Math.ceil((freedAfterMs / 1_000 - idleSeconds) / intervalSeconds) + 1)],
    ['tcp_user_timeout', String(freedAfterMs)],
    ...(canWatchClient(server) ? [['client_connection_check_interval', WATCH_CLIENT_MS] as const] : []),
  ]);
}

/**
 * Operators, functions and types mean those of Postgres, even where other roles may create their own in a
 * schema that the role or the database searches first, or with operands that match better. With it in force,
 * statements on lock connections need not qualify each operator; those that run before, or on connections of
 * the application, do.
 *
 * @see https://www.postgresql.org/docs/current/typeconv-oper.html
 */
export const SEARCH_PATH = ['search_path', 'pg_catalog'] as const;

/** How often the server checks whether a waiting client is still connected, in milliseconds. */
export const WATCH_CLIENT_MS = '2000';

/**
 * Whether the server can notice that a waiting client is gone. Without the setting it does not, and grants
 * the lock to the dead waiter. Some operating systems cannot detect it, and there the setting is an error.
 *
 * @see https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-CLIENT-CONNECTION-CHECK-INTERVAL
 */
export function canWatchClient({ version, versionNumber }: ServerFacts): boolean {
  return versionNumber >= 140_000 && /linux|darwin|bsd|illumos/i.test(version);
}
