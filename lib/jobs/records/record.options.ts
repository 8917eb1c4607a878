import { isWholeNumber, LockConfigurationError, oneOf, type OptionRules } from '../../core/index.js';
import type { TickOptions } from '../tick.options.js';

const HOUR_MS = 3_600_000;
const DEFAULT_RETAIN_MS = 30 * 24 * HOUR_MS;
const MAX_RETAIN_MS = 100 * 366 * 24 * HOUR_MS;

/**
 * How one run a tick is made sure of by a row for each, in the table of {@link ExclusiveCronRun}.
 *
 * @example
 * ```ts
 * @ExclusiveCron('0 4 * * *', { tick: 'record', catchUp: 'last', retain: 90 * 24 * 3_600_000 })
 * async payOut(): Promise<void> {}
 * ```
 */
export interface RecordOptions {
  /**
   * `'record'`: who runs a tick first writes a row for it, whose key is unique. At most one instance runs it, through crashes, failovers
   * and whatever the clocks say, as far as a commit of the database lasts. Needs a table.
   */
  readonly tick: 'record';
  /**
   * What happens, when the application starts, to ticks that nobody has run since the last recorded one. `'none'`: nothing.
   * `'last'`: the newest is run. `'all'`: each is run, one after the other from the oldest to the newest, at most 100 of the newest and
   * none that is older than `retain`. A job that was never recorded has missed nothing.
   * @default 'none'
   */
  readonly catchUp?: 'none' | 'last' | 'all';
  /**
   * For how long rows are kept, in milliseconds, from an hour on. Who has run deletes older ones of its job. A tick that is older is
   * never run.
   * @default 2_592_000_000, which is 30 days
   */
  readonly retain?: number;
  readonly overlap?: TickOptions['overlap'];
}

export const recordRules: OptionRules = {
  catchUp: oneOf('none', 'last', 'all'),
  retain: [
    (value) => isWholeNumber(value, HOUR_MS, MAX_RETAIN_MS),
    `a whole number of milliseconds, from ${HOUR_MS} (an hour) to ${MAX_RETAIN_MS} (a hundred years)`,
  ],
};

/** Refuses options that only go with the other way to make sure of a tick: they would be ignored in silence. */
export function checkRecordOptions(decorator: string, options: Record<string, unknown>): void {
  const isRecorded = options.tick === 'record';
  const misplaced = (isRecorded ? ['claimMs', 'onCrash'] : ['catchUp', 'retain']).find(
    (name) => options[name] !== undefined,
  );
  if (misplaced === undefined) return;
  throw new LockConfigurationError(
    `The option \`${misplaced}\` of ${decorator} ` +
      (isRecorded
        ? "does not go with tick: 'record', where the row of a tick says whether it has run. Leave it out."
        : "needs tick: 'record', as without a record nobody knows what has run."),
  );
}

/** For how long rows are kept, in milliseconds. */
export function retainMsOf({ retain = DEFAULT_RETAIN_MS }: Pick<RecordOptions, 'retain'>): number {
  return retain;
}
