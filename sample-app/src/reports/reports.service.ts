import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { AdvisoryLockService, currentTick, ExclusiveCron } from 'nestjs-advisory-lock';
import { IsNull, Not, Repository } from 'typeorm';
import { instanceName } from '../instance-name.js';
import { Order } from '../orders/order.entity.js';
import { SalesReport } from './sales-report.entity.js';

const REPORT_LOCK = 'daily-report';
const logger = new Logger('DailyReport');

@Injectable()
export class ReportsService {
  constructor(
    private readonly locks: AdvisoryLockService,
    @InjectRepository(Order) private readonly orders: Repository<Order>,
    @InjectRepository(SalesReport) private readonly reports: Repository<SalesReport>,
  ) {}

  findLatest(): Promise<SalesReport[]> {
    return this.reports.find({ order: { id: 'DESC' }, take: 20 });
  }

  /**
   * The daily report, every five seconds so that there is something to see. One instance claims the tick and
   * writes the report, the others skip it. The claim outlasts the run, for an instance whose timer fires
   * late.
   */
  @ExclusiveCron('*/5 * * * * *', { lock: REPORT_LOCK, onBusy: logSkip })
  async daily(): Promise<void> {
    logTick('claimed');
    const { id } = await this.write(currentTick()?.at);
    logTick(`wrote no. ${id}`);
  }

  /** Writes one more report, after the current one. The wait ends when the signal aborts. */
  writeNow(signal: AbortSignal): Promise<SalesReport> {
    return this.locks.withLock(REPORT_LOCK, () => this.write(), { waitMs: 10_000, signal });
  }

  private async write(dueAt: Date | null = null): Promise<SalesReport> {
    const startedAt = new Date();
    const paid = { paidAt: Not(IsNull()) };
    const paidOrders = await this.orders.countBy(paid);
    const revenueCents = (await this.orders.sum('priceCents', paid)) ?? 0;
    await this.crunchNumbers();
    return this.reports.save({
      dueAt,
      paidOrders,
      revenueCents,
      writtenBy: instanceName,
      startedAt,
      finishedAt: new Date(),
    });
  }

  /** Stands in for the slow query of a real report. */
  private async crunchNumbers(): Promise<void> {
    await this.reports.query('SELECT pg_sleep(1)');
  }
}

function logSkip(): void {
  logTick('skipped');
}

/** One line for each instance and tick: `2026-03-01T03:00:00.000Z skipped`. */
function logTick(outcome: string): void {
  const tick = currentTick();
  if (tick) logger.log(`${tick.at.toISOString()} ${outcome}`);
}
