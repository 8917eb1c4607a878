import { setTimeout as delay } from 'node:timers/promises';
import type { Order } from '../orders/order.entity.js';
import type { Fleet } from './fleet.js';
import { request } from './request.js';

const shiftMs = 12_000;
const lookEveryMs = 1_000;

/**
 * The staff of the shop. An operator pauses the stocktake, and runs it by hand now and then. A clerk begins
 * to edit an order in one instance, and ends in another. Continues until the signal aborts.
 */
export async function sendStaff(fleet: Fleet, signal: AbortSignal): Promise<void> {
  const reason = { reason: 'the shelves are being painted' };
  await request('POST', `${fleet.running[0]?.url ?? ''}/jobs/stocktake/pause`, reason).catch(() => undefined);
  while (!signal.aborted) {
    await delay(shiftMs, undefined, { signal }).catch(() => undefined);
    // An instance may have just been killed.
    await Promise.allSettled([takeStock(fleet), editOrder(fleet)]);
  }
}

/** Shows which instance packs which share of the orders, each time that it has changed and settled. */
export async function watchShares(fleet: Fleet, signal: AbortSignal): Promise<void> {
  let before = '';
  let shown = '';
  while (!signal.aborted) {
    const url = `${fleet.running[0]?.url ?? ''}/orders/shares`;
    const shares = (await request('GET', url).catch(() => ({}))) as Record<string, string>;
    const map = describeShares(shares);
    if (map === before && map !== shown) fleet.note(`packing: ${(shown = map)}`);
    before = map;
    await delay(lookEveryMs, undefined, { signal }).catch(() => undefined);
  }
}

async function takeStock({ running: [first] }: Fleet): Promise<void> {
  if (first) await request('POST', `${first.url}/jobs/stocktake/run`);
}

async function editOrder({ running }: Fleet): Promise<void> {
  const [first, last] = [running[0], running.at(-1)];
  if (!first || !last) return;
  const [order] = (await request('GET', `${first.url}/orders`)) as Order[];
  if (!order) return;
  const { token } = (await request('POST', `${first.url}/orders/${order.id}/edit`)) as { token?: string };
  // Another clerk may edit it.
  if (token) await request('PUT', `${last.url}/orders/${order.id}`, { token, item: order.item });
}

/** `shop-1 0 3, shop-2 1 4, shop-3 2 5`. */
function describeShares(shares: Record<string, string>): string {
  const owners = [...new Set(Object.values(shares))].sort();
  const sharesOf = (owner: string): string[] =>
    Object.keys(shares).filter((share) => shares[share] === owner);
  return owners.map((owner) => [owner, ...sharesOf(owner)].join(' ')).join(', ');
}
