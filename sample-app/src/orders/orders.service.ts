import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, NotFoundException, UnprocessableEntityException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
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
   * Reads, talks to the card company, writes. Without the lock around it, two callers would both read an open order
   * and the card would be charged twice; a transaction would not help, for the charge cannot be rolled back.
   */
  async pay(id: number): Promise<Order> {
    const order = await this.orders.findOneBy({ id });
    if (!order) throw new NotFoundException(`There is no order ${id}.`);
    if (order.paidAt) throw new UnprocessableEntityException(`Order ${id} is already paid.`);

    await this.chargeCard();
    order.paidAt = new Date();
    order.paidBy = instanceName;
    return this.orders.save(order);
  }

  /** Stands for the call to a card company. */
  private async chargeCard(): Promise<void> {
    await delay(paymentMs);
  }
}
