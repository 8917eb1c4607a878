import type { ScheduleModuleOptions } from '@nestjs/schedule';
import type { ExclusiveJob } from './exclusive-job.metadata.js';

/** The option of `ScheduleModule` that switches the timers of a decorator off. */
const SWITCHES: Readonly<Record<string, keyof ScheduleModuleOptions>> = {
  '@ExclusiveCron': 'cronJobs',
  '@ExclusiveInterval': 'intervals',
  '@ExclusiveTimeout': 'timeouts',
};

/**
 * The option that keeps the job from running in this instance, such as `cronJobs: false`, if there is one.
 *
 * @param modules - the options of each `ScheduleModule`.
 */
export function switchOf(
  { decorator, isDisabled }: ExclusiveJob,
  modules: readonly ScheduleModuleOptions[],
): string | undefined {
  const option = SWITCHES[decorator];
  // @nestjs/schedule takes an explicit `undefined` for false.
  const isOff = option !== undefined && modules.length > 0 && modules.every((each) => each[option] !== true);
  if (isOff) return `${option}: false`;
  return isDisabled ? 'disabled: true' : undefined;
}
