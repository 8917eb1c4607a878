import { ConflictException, Controller, Post } from '@nestjs/common';
import type { Order } from '../orders/order.entity.js';
import { ImportsService } from './imports.service.js';

@Controller('import')
export class ImportsController {
  constructor(private readonly imports: ImportsService) {}

  @Post()
  async start(): Promise<Order[]> {
    const orders = await this.imports.run();
    if (!orders) throw new ConflictException('Two imports are already running.');
    return orders;
  }
}
