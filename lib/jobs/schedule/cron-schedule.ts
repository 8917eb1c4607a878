/** An instant as the `cron` package answers it: a Luxon `DateTime`. */
export interface CronMoment {
  /** What the clocks of the zone are ahead of UTC, in minutes. */
  readonly offset: number;
  toMillis(): number;
  minus(duration: { readonly milliseconds: number }): CronMoment;
}

/**
 * What is needed of a `CronTime`, the `cronTime` of a job in `SchedulerRegistry`. Written down here, as `cron` is a dependency of
 * @nestjs/schedule, and strict installs (pnpm) do not let others import it.
 */
export interface CronSchedule {
  /** The expression; the date, when `realDate`. */
  readonly source: string | { toMillis(): number };
  readonly realDate: boolean;
  readonly timeZone?: string;
  /** In minutes. One of the two is set: `cron` takes the system's zone when neither is given. */
  readonly utcOffset?: number;
  /** Of an expression: the first instant of the schedule after `start`. Only looks forward. */
  getNextDateFrom(start: Date, timeZone: string): CronMoment;
}
