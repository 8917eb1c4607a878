import { AdvisoryLeaseRecord, AdvisoryLockJobPause } from 'nestjs-advisory-lock';
import type { DataSourceOptions } from 'typeorm';
import { Order } from './orders/order.entity.js';
import { SalesReport } from './reports/sales-report.entity.js';

/**
 * The sample has its own schema, so that it does not touch your tables when DATABASE_URL is your database.
 */
export const schema = 'advisory_lock_shop';

/**
 * `synchronize` stays off: several instances that start at once would race to create the same tables. The
 * launcher creates them once, before it starts the first instance (`fleet/prepare-database.ts`).
 */
export function databaseOptions(url: string) {
  const entities = [Order, SalesReport, AdvisoryLeaseRecord, AdvisoryLockJobPause];
  return { type: 'postgres', url, schema, entities } satisfies DataSourceOptions;
}
