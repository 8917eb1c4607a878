import type { ModuleRef } from '@nestjs/core';
import { SchedulerRegistry } from '@nestjs/schedule';

/** The timers of the application; `undefined` when it does not import `ScheduleModule.forRoot()`. */
export function findScheduler(moduleRef: ModuleRef): SchedulerRegistry | undefined {
  try {
    return moduleRef.get(SchedulerRegistry, { strict: false });
  } catch {
    return undefined;
  }
}
