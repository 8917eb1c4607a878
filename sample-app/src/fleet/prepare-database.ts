import { DataSource } from 'typeorm';
import { databaseOptions, schema } from '../database-options.js';
import { fetchNewOrders } from '../imports/marketplace.js';
import { Order } from '../orders/order.entity.js';

/** Creates the tables and the first orders, once for all instances. Existing ones stay. */
export async function prepareDatabase(url: string): Promise<void> {
  const dataSource = await new DataSource(databaseOptions(url)).initialize();
  try {
    await dataSource.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    await dataSource.synchronize();
    const orders = dataSource.getRepository(Order);
    if ((await orders.count()) === 0) await orders.save(await fetchNewOrders());
  } finally {
    await dataSource.destroy();
  }
}
