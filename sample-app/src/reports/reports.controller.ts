import { Controller, Get } from '@nestjs/common';
import { ReportsService } from './reports.service.js';
import type { SalesReport } from './sales-report.entity.js';

@Controller('reports')
export class ReportsController {
  constructor(private readonly reports: ReportsService) {}

  @Get()
  findLatest(): Promise<SalesReport[]> {
    return this.reports.findLatest();
  }
}
