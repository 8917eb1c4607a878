import { isError, type LockLog, messageOf } from '../../core/index.js';

/** Logs what a job threw, as the scheduler does: with its stack. */
export function logFailure(log: LockLog, error: unknown): void {
  log.error(messageOf(error), isError(error) ? error.stack : undefined);
}
