import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Order } from '../orders/order.entity.js';
import { ReportsController } from './reports.controller.js';
import { ReportsService } from './reports.service.js';
import { SalesReport } from './sales-report.entity.js';

@Module({
  imports: [TypeOrmModule.forFeature([Order, SalesReport])],
  controllers: [ReportsController],
  providers: [ReportsService],
})
export class ReportsModule {}
