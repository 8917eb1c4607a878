import type { ModuleRef } from '@nestjs/core';
import { SchedulerRegistry } from '@nestjs/schedule';
import { findAll } from './find-all.js';

/** The timers of the application: one registry for each `ScheduleModule.forRoot()` that it imports. */
export function findSchedulers(moduleRef: ModuleRef): readonly SchedulerRegistry[] {
  return findAll<SchedulerRegistry>(moduleRef, SchedulerRegistry);
}
