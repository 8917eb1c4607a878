import { Controller, Get, Param, ParseIntPipe, Post } from '@nestjs/common';
import { WithAdvisoryLock } from 'nestjs-advisory-lock';
import type { Order } from './order.entity.js';
import { OrdersService } from './orders.service.js';

@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Get()
  findAll(): Promise<Order[]> {
    return this.orders.findAll();
  }

  /**
   * While one caller pays an order, every other caller for the same order gets 409, from any instance. The
   * pipe runs before the name of the lock is made: `/orders/7/pay` and `/orders/07/pay` are one order and one
   * lock.
   */
  @Post(':id/pay')
  @WithAdvisoryLock((id: number) => `order:${id}`)
  pay(@Param('id', ParseIntPipe) id: number): Promise<Order> {
    return this.orders.pay(id);
  }
}
