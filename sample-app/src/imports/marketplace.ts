import { setTimeout as delay } from 'node:timers/promises';
import type { Order } from '../orders/order.entity.js';

const responseMs = 500;

/** Stands in for the API of a marketplace where the customers of the shop order. */
export async function fetchNewOrders(): Promise<Pick<Order, 'item' | 'priceCents'>[]> {
  await delay(responseMs);
  return [
    { item: 'Teapot', priceCents: 3_450 },
    { item: 'Tea cosy', priceCents: 1_290 },
    { item: 'Darjeeling, 250 g', priceCents: 980 },
  ];
}
