import { Injectable } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { InjectRepository } from '@nestjs/typeorm';
import { AdvisoryLockService } from 'nestjs-advisory-lock';
import { Repository } from 'typeorm';
import { Order } from '../orders/order.entity.js';
import { fetchNewOrders } from './marketplace.js';

@Injectable()
export class ImportsService {
  constructor(
    private readonly locks: AdvisoryLockService,
    @InjectRepository(Order) private readonly orders: Repository<Order>,
  ) {}

  @Cron(CronExpression.EVERY_DAY_AT_3AM)
  async nightly(): Promise<void> {
    await this.run();
  }

  /**
   * Resolves to the new orders, or to undefined when two imports are already running, here or in other
   * instances.
   */
  async run(): Promise<Order[] | undefined> {
    const outcome = await this.locks.tryWithLock(
      'import-orders',
      async () => this.orders.save(await fetchNewOrders()),
      { permits: 2 },
    );
    return outcome.acquired ? outcome.value : undefined;
  }
}
