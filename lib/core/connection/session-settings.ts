import type { ServerFacts } from './handshake.js';
import type { SessionTimes } from './session-times.js';

/**
 * What a session of locks has to have, whatever its role or database says. Nothing may end it while it is quiet, and the server
 * has to notice a client that vanished: within seconds, but later than the client, who gives up after `lostAfterMs`.
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
  return new Map([
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

/** How often the server looks whether a waiting client is still there, in milliseconds. */
export const WATCH_CLIENT_MS = '2000';

/**
 * Whether the server can notice that a waiting client is gone, which it does not otherwise: the dead waiter would be granted the
 * lock. Some operating systems cannot tell, and the setting is an error there.
 *
 * @see https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-CLIENT-CONNECTION-CHECK-INTERVAL
 */
export function canWatchClient({ version, versionNumber }: ServerFacts): boolean {
  return versionNumber >= 140_000 && /linux|darwin|bsd|illumos/i.test(version);
}
