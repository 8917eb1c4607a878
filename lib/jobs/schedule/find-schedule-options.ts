import type { ModuleRef } from '@nestjs/core';
import type { ScheduleModuleOptions } from '@nestjs/schedule';
import { findAll } from './find-all.js';

/** The token that @nestjs/schedule 6 and 12 provide the options under. They do not export it. */
const SCHEDULE_MODULE_OPTIONS = 'SCHEDULE_MODULE_OPTIONS';

/** Which timers each `ScheduleModule` sets; none where the options cannot be found. */
export function findScheduleOptions(moduleRef: ModuleRef): readonly ScheduleModuleOptions[] {
  return findAll<ScheduleModuleOptions>(moduleRef, SCHEDULE_MODULE_OPTIONS);
}
