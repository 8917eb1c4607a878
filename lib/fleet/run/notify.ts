import { setTimeout as sleep } from 'node:timers/promises';
import { LockShutdownError, NOTIFY_SETTINGS, type ServerQueries } from '../../core/index.js';
import { asciiJson } from '../parts.js';

/** `lock_timeout` may end an attempt: commits with NOTIFY wait for each other. In milliseconds. */
const ATTEMPTS = 5;
const PAUSE_MS = 200;

const NOTIFY = `SELECT pg_catalog.pg_notify($1::pg_catalog.text, $2::pg_catalog.text)::pg_catalog.text
FROM ${NOTIFY_SETTINGS}`;

/** Sends a message, on the connection of the locks. Rejects as the query does. */
export async function notify(
  server: Pick<ServerQueries, 'query'>,
  channel: string,
  message: object,
  attempts = ATTEMPTS,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await server.query({ text: NOTIFY, values: [channel, asciiJson(message)] });
      return;
    } catch (error) {
      if (attempt >= attempts || error instanceof LockShutdownError) throw error;
      await sleep(PAUSE_MS);
    }
  }
}
