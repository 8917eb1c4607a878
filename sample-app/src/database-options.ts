import type { DataSourceOptions } from 'typeorm';
import { Order } from './orders/order.entity.js';
import { SalesReport } from './reports/sales-report.entity.js';

/** A schema of the sample's own, so that nothing of yours is touched when DATABASE_URL is your database. */
export const schema = 'advisory_lock_shop';

/**
 * `synchronize` stays off: several instances that start at once would race to create the same tables. The launcher
 * creates them once, before it starts the first instance (`fleet/prepare-database.ts`).
 */
export function databaseOptions(url: string) {
  return { type: 'postgres', url, schema, entities: [Order, SalesReport] } satisfies DataSourceOptions;
}
