import type { ModuleRef } from '@nestjs/core';
import { SchedulerRegistry } from '@nestjs/schedule';

/** Whether `ScheduleModule` is imported, without which no job runs. */
export function hasScheduler(moduleRef: ModuleRef): boolean {
  try {
    moduleRef.get(SchedulerRegistry, { strict: false });
    return true;
  } catch {
    return false;
  }
}
