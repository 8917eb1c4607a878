/** An instant as the `cron` package returns it: a Luxon `DateTime`. */
export interface CronMoment {
  toMillis(): number;
}

/**
 * The part of a `CronTime`, the `cronTime` of a job in `SchedulerRegistry`, that is used here. Declared here,
 * as `cron` is a dependency of @nestjs/schedule, and strict installs (pnpm) do not let other packages import
 * it.
 */
export interface CronSchedule {
  /** The expression; the date where `realDate` is true. */
  readonly source: string | CronMoment;
  readonly realDate: boolean;
  readonly timeZone?: string;
  /** In minutes. One of the two is set: `cron` takes the zone of the system when neither is given. */
  readonly utcOffset?: number;
  /** The instant after `start` that `cron` fires at, which need not be a tick. */
  getNextDateFrom(start: Date, timeZone: string): CronMoment;
}
