import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, NotFoundException, UnprocessableEntityException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { currentEntityManager, WithAdvisoryLock } from 'nestjs-advisory-lock';
import { IsNull, Not, Repository } from 'typeorm';
import { instanceName } from '../instance-name.js';
import { Order } from './order.entity.js';

const paymentMs = 1_000;

@Injectable()
export class OrdersService {
  constructor(@InjectRepository(Order) private readonly orders: Repository<Order>) {}

  findAll(): Promise<Order[]> {
    return this.orders.find({ order: { id: 'ASC' } });
  }

  /**
   * Reads the order, charges the card, completes the order. Without the lock around it, two callers would
   * both read an open order, and the card would be charged twice. A transaction would not help, as the charge
   * cannot be rolled back.
   */
  async pay(id: number): Promise<Order> {
    const order = await this.orders.findOneBy({ id });
    if (!order) throw new NotFoundException(`There is no order ${id}.`);
    if (order.paidAt) throw new UnprocessableEntityException(`Order ${id} is already paid.`);

    await this.chargeCard();
    return this.complete(id);
  }

  /**
   * Gives the order the next receipt number, in one transaction with a lock that the commit releases: the
   * next call, for any order and in any instance, reads that number. It is short, so others wait for it; the
   * card is charged outside.
   */
  @WithAdvisoryLock('receipts', { scope: 'transaction', waitMs: 5_000 })
  async complete(id: number): Promise<Order> {
    const orders = currentEntityManager().getRepository(Order);
    const order = await orders.findOneOrFail({ where: { id }, lock: { mode: 'pessimistic_write' } });
    if (order.paidAt) throw new UnprocessableEntityException(`Order ${id} is already paid.`);

    const last = await orders.findOne({
      where: { receiptNumber: Not(IsNull()) },
      order: { receiptNumber: 'DESC' },
    });
    order.receiptNumber = (last?.receiptNumber ?? 0) + 1;
    order.paidAt = new Date();
    order.paidBy = instanceName;
    return orders.save(order);
  }

  /** Stands in for the call to a card company. */
  private async chargeCard(): Promise<void> {
    await delay(paymentMs);
  }
}
