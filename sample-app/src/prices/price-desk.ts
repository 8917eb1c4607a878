import { Injectable, Logger } from '@nestjs/common';
import { ExclusiveCron, OnLeadership, OnLeadershipEnd } from 'nestjs-advisory-lock';

const DESK = 'price-desk';
const listPriceCents = 980;
const largestStep = 0.05;

/**
 * Tea has a current price, which one instance keeps in memory: two desks would bid against each other. The
 * next leader begins with the list price.
 */
@Injectable()
export class PriceDesk {
  private readonly logger = new Logger(PriceDesk.name);
  private teaCents = listPriceCents;

  @OnLeadership(DESK)
  open(): void {
    this.teaCents = listPriceCents;
    this.logger.log('Opened');
  }

  @OnLeadershipEnd(DESK)
  close(): void {
    this.logger.log('Closed');
  }

  /** The timer of every instance fires, and the job runs in the instance that has the price. */
  @ExclusiveCron('*/10 * * * * *', { leader: DESK })
  followMarket(): Promise<void> {
    this.teaCents *= 1 + largestStep * (2 * Math.random() - 1);
    this.logger.log(`Tea at ${(this.teaCents / 100).toFixed(2)}`);
    return Promise.resolve();
  }
}
