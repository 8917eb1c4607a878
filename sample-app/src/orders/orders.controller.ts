import { BadRequestException, Body, Controller, Get, Param, ParseIntPipe, Post, Put } from '@nestjs/common';
import { WithAdvisoryLock } from 'nestjs-advisory-lock';
import type { Order } from './order.entity.js';
import { OrdersDesk } from './orders-desk.js';
import { OrdersService } from './orders.service.js';

interface Edit {
  readonly token?: unknown;
  readonly item?: unknown;
}

@Controller('orders')
export class OrdersController {
  constructor(
    private readonly orders: OrdersService,
    private readonly desk: OrdersDesk,
  ) {}

  @Get()
  findAll(): Promise<Order[]> {
    return this.orders.findAll();
  }

  @Get('shares')
  findShares(): Promise<Record<string, string>> {
    return this.desk.shares();
  }

  /** 409 while another clerk edits it. */
  @Post(':id/edit')
  beginEdit(@Param('id', ParseIntPipe) id: number): Promise<{ token: string; expiresAt: Date }> {
    return this.desk.beginEdit(id);
  }

  @Put(':id')
  finishEdit(@Param('id', ParseIntPipe) id: number, @Body() { token, item }: Edit): Promise<Order> {
    if (typeof token !== 'string' || typeof item !== 'string')
      throw new BadRequestException('`token` and `item` must be strings.');
    return this.desk.finishEdit(id, token, item);
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
