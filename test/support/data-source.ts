import { DataSource } from 'typeorm';
import type { PostgresOptions } from '../../lib/core/index.js';
import { defer } from './cleanup.js';

/** An application's data source, by default with a pool of one; it is destroyed after the test. */
export async function openDataSource(
  url: string,
  options: Partial<PostgresOptions> = {},
): Promise<DataSource> {
  const dataSource = new DataSource({ type: 'postgres', url, poolSize: 1, ...options });
  await dataSource.initialize();
  defer(() => dataSource.destroy());
  return dataSource;
}
