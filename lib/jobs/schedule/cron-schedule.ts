/** An instant as the `cron` package returns it: a Luxon `DateTime`. */
export interface CronMoment {
  /** By how much the clocks of the zone are ahead of UTC, in minutes. */
  readonly offset: number;
  toMillis(): number;
  minus(duration: { readonly milliseconds: number }): CronMoment;
}

/**
 * The part of a `CronTime`, the `cronTime` of a job in `SchedulerRegistry`, that is used here. Declared here,
 * as `cron` is a dependency of @nestjs/schedule, and strict installs (pnpm) do not let other packages import
 * it.
 */
export interface CronSchedule {
  /** The expression; the date where `realDate` is true. */
  readonly source: string | { toMillis(): number };
  readonly realDate: boolean;
  readonly timeZone?: string;
  /** In minutes. One of the two is set: `cron` takes the zone of the system when neither is given. */
  readonly utcOffset?: number;
  /** The first instant of an expression after `start`. There is no such method for the instant before. */
  getNextDateFrom(start: Date, timeZone: string): CronMoment;
}
