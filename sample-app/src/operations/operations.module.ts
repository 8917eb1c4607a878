import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Order } from '../orders/order.entity.js';
import { JobsController } from './jobs.controller.js';
import { Stocktake } from './stocktake.js';

@Module({
  imports: [TypeOrmModule.forFeature([Order])],
  controllers: [JobsController],
  providers: [Stocktake],
})
export class OperationsModule {}
