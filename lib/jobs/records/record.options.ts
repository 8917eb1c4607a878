import { isWholeNumber, LockConfigurationError, oneOf, type OptionRules } from '../../core/index.js';
import type { TickOptions } from '../tick.options.js';

const HOUR_MS = 3_600_000;
const DEFAULT_RETAIN_MS = 30 * 24 * HOUR_MS;
const MAX_RETAIN_MS = 100 * 366 * 24 * HOUR_MS;

/**
 * How a job is kept to one run per tick by a row for each, in the table of {@link ExclusiveCronRun}.
 *
 * @example
 * ```ts
 * @ExclusiveCron('0 4 * * *', { tick: 'record', catchUp: 'last', retain: 90 * 24 * 3_600_000 })
 * async payOut(): Promise<void> {}
 * ```
 */
export interface RecordOptions {
  /**
   * `'record'`: the instance that fires first writes a row for the tick, whose key is unique, before it runs
   * the job. At most one instance runs the tick, through crashes, failovers and whatever the clocks say, if
   * the commit of the row lasts. Needs a table.
   */
  readonly tick: 'record';
  /**
   * What happens, when the application starts, to the ticks that no instance has run since the last recorded
   * one. `'none'`: nothing. `'last'`: the newest of them runs. `'all'`: each of them runs, one after the
   * other, the oldest first; at most the newest 100, and none that is older than `retain`. A job that was
   * never recorded has missed nothing.
   * @default 'none'
   */
  readonly catchUp?: 'none' | 'last' | 'all';
  /**
   * For how long rows are kept, in milliseconds: at least 3_600_000 (an hour). Each run deletes older rows of
   * its job. A tick that is older is never run.
   * @default 2_592_000_000, which is 30 days
   */
  readonly retain?: number;
  /**
   * What happens to a tick while the previous run is not over; see {@link TickOptions.overlap}.
   * @default 'skip'
   */
  readonly overlap?: TickOptions['overlap'];
}

export const recordRules: OptionRules = {
  catchUp: oneOf('none', 'last', 'all'),
  retain: [
    (value) => isWholeNumber(value, HOUR_MS, MAX_RETAIN_MS),
    `a whole number of milliseconds, from ${HOUR_MS} (an hour) to ${MAX_RETAIN_MS} (a hundred years)`,
  ],
};

/** Refuses options that belong to the other value of `tick`: they would be silently ignored. */
export function checkRecordOptions(decorator: string, options: Record<string, unknown>): void {
  const isRecorded = options.tick === 'record';
  const misplaced = (isRecorded ? ['claimMs', 'onCrash'] : ['catchUp', 'retain']).find(
    (name) => options[name] !== undefined,
  );
  if (misplaced === undefined) return;
  throw new LockConfigurationError(
    `The option \`${misplaced}\` of ${decorator} ` +
      (isRecorded
        ? "must be left out with tick: 'record', where the row of a tick says whether the tick has run."
        : "needs tick: 'record', as only a record says what has run."),
  );
}

/** For how long rows are kept, in milliseconds. */
export function retainMsOf({ retain = DEFAULT_RETAIN_MS }: Pick<RecordOptions, 'retain'>): number {
  return retain;
}
