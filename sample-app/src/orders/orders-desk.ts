import { setTimeout as delay } from 'node:timers/promises';
import { GoneException, Injectable, NotFoundException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import {
  AdvisoryLockInspector,
  AdvisoryLockService,
  type AdvisoryLease,
  LockLostError,
  OnShare,
} from 'nestjs-advisory-lock';
import { Repository } from 'typeorm';
import { instanceName } from '../instance-name.js';
import { Order } from './order.entity.js';

const PACKING = 'packing';
const SHARES = 6;
/** The lock that an instance holds while it has a share. */
const shareName = new RegExp(`^share:(\\d+)/${SHARES}:${PACKING}$`);
const packEveryMs = 2_000;
const editMs = 60_000;

/** What clerks do with orders, each in a browser and for longer than a request lasts, and who packs them. */
@Injectable()
export class OrdersDesk {
  constructor(
    private readonly locks: AdvisoryLockService,
    private readonly inspector: AdvisoryLockInspector,
    @InjectRepository(Order) private readonly orders: Repository<Order>,
  ) {}

  /**
   * The first request of an edit: the order is this clerk's for a minute, in all instances, also when this
   * one is replaced meanwhile. The clerk brings the token along with the next request.
   */
  async beginEdit(id: number): Promise<{ token: string; expiresAt: Date }> {
    if (!(await this.orders.existsBy({ id }))) throw new NotFoundException(`There is no order ${id}.`);
    const { token, expiresAt } = await this.locks.lease(leaseOf(id), { ttlMs: editMs });
    return { token, expiresAt };
  }

  /** The second request, in whatever instance. */
  async finishEdit(id: number, token: string, item: string): Promise<Order> {
    const lease = await this.resume(id, token);
    try {
      await this.orders.update({ id }, { item });
      return await this.orders.findOneByOrFail({ id });
    } finally {
      await lease.release();
    }
  }

  /** Each instance packs its share of the paid orders. A share moves when an instance comes or goes. */
  @OnShare(PACKING, { of: SHARES })
  async pack(share: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.orders
        .createQueryBuilder()
        .update()
        .set({ packedBy: instanceName })
        .where('mod(id, :of) = :share AND "paidAt" IS NOT NULL AND "packedBy" IS NULL', { of: SHARES, share })
        .execute();
      await delay(packEveryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Which instance has which share, as the locks say: `{ "0": "shop-2", … }`. */
  async shares(): Promise<Record<string, string>> {
    const locks = await this.inspector.list({ isGranted: true });
    const owners = locks.flatMap(({ name = '', instance = 'unknown' }) => {
      const [, share] = shareName.exec(name) ?? [];
      return share === undefined ? [] : [[share, instance]];
    });
    return Object.fromEntries(owners) as Record<string, string>;
  }

  private async resume(id: number, token: string): Promise<AdvisoryLease> {
    try {
      return await this.locks.resumeLease(leaseOf(id), token);
    } catch (error) {
      if (error instanceof LockLostError) throw new GoneException('The minute is over. Begin again.');
      throw error;
    }
  }
}

function leaseOf(id: number): string {
  return `edit-order:${id}`;
}
