import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { ExclusiveCron } from 'nestjs-advisory-lock';
import { IsNull, Repository } from 'typeorm';
import { Order } from '../orders/order.entity.js';

/** Counts what is on the shelves. The launcher pauses it, and runs it by hand now and then. */
@Injectable()
export class Stocktake {
  private readonly logger = new Logger(Stocktake.name);

  constructor(@InjectRepository(Order) private readonly orders: Repository<Order>) {}

  @ExclusiveCron('*/10 * * * * *', { lock: 'stocktake' })
  async count(): Promise<void> {
    this.logger.log(`Counted ${await this.orders.countBy({ packedBy: IsNull() })}`);
  }
}
