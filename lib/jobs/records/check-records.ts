import { isSyntaxOrAccessError, LockConfigurationError } from '../../core/index.js';
import type { RunRecords } from './run-records.js';

/** Refuses a job whose runs cannot be recorded. */
export async function checkRecords(records: RunRecords, job: string): Promise<void> {
  try {
    await records.check();
  } catch (cause) {
    if (!isSyntaxOrAccessError(cause)) throw cause;
    throw new LockConfigurationError(
      `${job} has tick: 'record', which needs a table that the application can write: ${cause.message}. ` +
        'Add the migration CreateExclusiveCronRuns1735689600000 to the data source, or the entity ' +
        'ExclusiveCronRun where `synchronize` is set, or run EXCLUSIVE_CRON_RUN_SQL, and grant SELECT, ' +
        'INSERT, UPDATE and DELETE on the table to the role of the application.',
      { cause },
    );
  }
}
