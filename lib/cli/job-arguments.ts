import { isSyntaxOrAccessError, type Statement } from '../core/index.js';
import { KEY_OPTIONS_HELP, keyOptions, readKeyOptions } from './key-arguments.js';
import type { EngineInFleet } from './open-engine-in-fleet.js';
import { readTable } from './table-arguments.js';
import { UsageError } from './usage.error.js';

/** The options of all commands that operate jobs. */
export const jobOptions = {
  ...keyOptions,
  table: { type: 'string', default: 'public.advisory_lock_job_pause' },
} as const;

export const JOB_OPTIONS_HELP = [
  '  --table <table>       the table of paused jobs (default: public.advisory_lock_job_pause)',
  KEY_OPTIONS_HELP,
].join('\n');

interface JobValues {
  readonly scheme: string;
  readonly namespace?: string | undefined;
  readonly table: string;
}

/** Names and keys, and the table as a statement names it. */
export function readJobOptions(values: JobValues) {
  return { keys: readKeyOptions(values).keys, table: readTable(values.table, '--table').sql };
}

/** The one job among the arguments. */
export function readJob(positionals: readonly string[]): string {
  const [job, surplus] = positionals;
  if (job === undefined) throw new UsageError('The name of the job is missing.');
  if (surplus === undefined) return job;
  throw new UsageError(`The command takes one job, received ${JSON.stringify(surplus)} as well.`);
}

/** Through some poolers the instances cannot be notified of a pause, and would not know of it for seconds. */
export async function requireNotifications({ engine }: EngineInFleet): Promise<void> {
  if (await engine.server.isListening()) return;
  throw new UsageError(
    'DATABASE_URL must be the address of the server itself, received that of a pooler in transaction ' +
      'mode, through which instances cannot be notified.',
  );
}

/**
 * Changes the table of pauses. Without the table or a privilege the arguments are wrong, or those of the
 * environment.
 */
export async function changePauses(
  { engine }: EngineInFleet,
  statement: Statement,
): Promise<(string | null)[]> {
  try {
    return await engine.server.query(statement);
  } catch (error) {
    if (!isSyntaxOrAccessError(error)) throw error;
    throw new UsageError(
      `The table of paused jobs cannot be written: ${error.message}. Create it as docs/jobs-control.md ` +
        'says, or name it by --table.',
      { cause: error },
    );
  }
}
