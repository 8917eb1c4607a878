import { type EventEmitter, once } from 'node:events';
import type { QueryRunner } from 'typeorm';

/** How long the end of a connection may take that is under way, in milliseconds. */
const END_MS = 1_000;

/**
 * Waits for the end of the connection of a runner, before that is released: its `release()` passes no error
 * on, and would give the client back to the pool. Once the connection has ended, TypeORM releases the runner
 * itself, and takes the client out of the pool. Never rejects.
 */
export async function untilEnded(runner: QueryRunner): Promise<void> {
  if (runner.isReleased) return;
  try {
    const client = (await runner.connect()) as EventEmitter;
    await once(client, 'end', { signal: AbortSignal.timeout(END_MS) });
  } catch {
    // It reports with an error that it has ended, or does not end.
  }
}
