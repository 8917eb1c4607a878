import { setTimeout as delay } from 'node:timers/promises';
import type { Order } from '../orders/order.entity.js';
import type { Fleet } from './fleet.js';
import { request } from './request.js';

const visitEveryMs = 8_000;

/**
 * Customers in a hurry: now and then one order is paid through all instances at the same time. When every
 * order is paid, new ones are imported, also through all instances at once. An accountant requests reports.
 * Continues until the signal aborts.
 */
export async function sendCustomers(fleet: Fleet, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // An instance may have just been killed: the next visit asks those that are left.
    await Promise.allSettled([visit(fleet), account(fleet)]);
    await delay(visitEveryMs, undefined, { signal }).catch(() => undefined);
  }
}

async function visit(fleet: Fleet): Promise<void> {
  const [first] = fleet.running;
  if (!first) return;
  const orders = (await request('GET', `${first.url}/orders`)) as Order[];
  const open = orders.find(({ paidAt }) => paidAt === null);
  const path = open ? `/orders/${open.id}/pay` : '/import';
  await Promise.all(fleet.running.map(({ url }) => request('POST', url + path)));
}

/**
 * Requests a report from two instances: one writes it, and the other waits. So does a tick that falls due.
 */
async function account(fleet: Fleet): Promise<void> {
  await Promise.all(fleet.running.slice(-2).map(({ url }) => request('POST', `${url}/reports`)));
}
