import { setTimeout as sleep } from 'node:timers/promises';
import { LockShutdownError, type ServerQueries } from '../core/index.js';
import { notifyStatement } from './notify-statement.js';

/** `lock_timeout` may end an attempt: commits with NOTIFY wait for each other. In milliseconds. */
const ATTEMPTS = 5;
const PAUSE_MS = 200;

/** Sends a payload, which is made for each attempt, and tries it again. Rejects as the query does. */
export async function notify(
  server: Pick<ServerQueries, 'query'>,
  channel: string,
  payload: () => string | Promise<string>,
  attempts = ATTEMPTS,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await server.query(notifyStatement(channel, await payload()));
      return;
    } catch (error) {
      if (attempt >= attempts || error instanceof LockShutdownError) throw error;
      await sleep(PAUSE_MS);
    }
  }
}
