import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { AdvisoryLockService, ExclusiveCron } from 'nestjs-advisory-lock';
import { IsNull, Not, Repository } from 'typeorm';
import { instanceName } from '../instance-name.js';
import { Order } from '../orders/order.entity.js';
import { SalesReport } from './sales-report.entity.js';

const REPORT_LOCK = 'sales-report';

@Injectable()
export class ReportsService {
  private readonly logger = new Logger(ReportsService.name);

  constructor(
    private readonly locks: AdvisoryLockService,
    @InjectRepository(Order) private readonly orders: Repository<Order>,
    @InjectRepository(SalesReport) private readonly reports: Repository<SalesReport>,
  ) {}

  findLatest(): Promise<SalesReport[]> {
    return this.reports.find({ order: { id: 'DESC' }, take: 20 });
  }

  /**
   * The daily report, every five seconds so that there is something to see: one instance writes it, the others skip.
   *
   * The lock keeps runs from overlapping, which is not quite once a tick: a job that is over before another
   * instance's timer fires lets that one run too. A report takes a moment, longer than the timers of one machine are
   * apart.
   */
  @ExclusiveCron('*/5 * * * * *', { lock: REPORT_LOCK })
  async daily(): Promise<void> {
    await this.write();
  }

  /** One more report, after the one that is being written; not waited for any more when the signal aborts. */
  writeNow(signal: AbortSignal): Promise<SalesReport> {
    return this.locks.withLock(REPORT_LOCK, () => this.write(), { waitMs: 10_000, signal });
  }

  private async write(): Promise<SalesReport> {
    const startedAt = new Date();
    const paid = { paidAt: Not(IsNull()) };
    const paidOrders = await this.orders.countBy(paid);
    const revenueCents = (await this.orders.sum('priceCents', paid)) ?? 0;
    await this.crunchNumbers();
    const report = await this.reports.save({
      paidOrders,
      revenueCents,
      writtenBy: instanceName,
      startedAt,
      finishedAt: new Date(),
    });
    this.logger.log(`Wrote report ${report.id}`);
    return report;
  }

  /** Stands for the slow query that a real report has. */
  private async crunchNumbers(): Promise<void> {
    await this.reports.query('SELECT pg_sleep(0.4)');
  }
}
