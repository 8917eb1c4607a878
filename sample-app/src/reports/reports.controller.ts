import type { ServerResponse } from 'node:http';
import { Controller, Get, Post, Res } from '@nestjs/common';
import { untilClosed } from '../until-closed.js';
import { ReportsService } from './reports.service.js';
import type { SalesReport } from './sales-report.entity.js';

@Controller('reports')
export class ReportsController {
  constructor(private readonly reports: ReportsService) {}

  @Get()
  findLatest(): Promise<SalesReport[]> {
    return this.reports.findLatest();
  }

  /** Waits for its turn while the client waits. */
  @Post()
  writeNow(@Res({ passthrough: true }) response: ServerResponse): Promise<SalesReport> {
    return this.reports.writeNow(untilClosed(response));
  }
}
