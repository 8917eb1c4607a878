import type { ModuleRef } from '@nestjs/core';
import type { ScheduleModuleOptions } from '@nestjs/schedule';

/** The token that @nestjs/schedule 6 and 12 provide the options under. They do not export it. */
const SCHEDULE_MODULE_OPTIONS = 'SCHEDULE_MODULE_OPTIONS';

/** Which timers `ScheduleModule` sets: all of them where its options cannot be found. */
export function findScheduleOptions(moduleRef: ModuleRef): ScheduleModuleOptions {
  try {
    return moduleRef.get<ScheduleModuleOptions>(SCHEDULE_MODULE_OPTIONS, { strict: false });
  } catch {
    return { cronJobs: true, intervals: true, timeouts: true };
  }
}
