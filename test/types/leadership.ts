/* eslint-disable @typescript-eslint/no-unused-vars -- the parameters are what is compared */
import { applyDecorators } from '@nestjs/common';
import {
  type AdvisoryLockService,
  ExclusiveCron,
  type Leadership,
  OnLeadership,
  OnLeadershipEnd,
} from 'nestjs-advisory-lock';

export class Feed {
  constructor(private readonly locks: AdvisoryLockService) {}

  @OnLeadership('feed')
  async followsTheSignal(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return Promise.resolve();
  }

  @OnLeadership(42, { connection: 'archive' })
  needsNoSignal(): void {
    return;
  }

  @OnLeadershipEnd([1, 2])
  protected async isProtected(): Promise<void> {}

  @applyDecorators(OnLeadership('feed'), OnLeadershipEnd('feed'))
  isComposed(): void {
    return;
  }

  @ExclusiveCron('0 3 * * *', { leader: 'reports', lock: 'nightly' })
  async hasALeader(): Promise<void> {}

  // @ts-expect-error 1241 it is called without one
  @OnLeadership('feed')
  async needsAName(_signal: AbortSignal, _name: string): Promise<void> {}

  // @ts-expect-error 1241 it is not read
  @OnLeadership('feed')
  returnsSomething(): number {
    return 1;
  }

  // @ts-expect-error 2554 no name
  @OnLeadership()
  hasNoName(): void {
    return;
  }

  // @ts-expect-error 2353 it is waited for as long as it takes
  @OnLeadership('feed', { waitMs: 5_000 })
  hasATime(): void {
    return;
  }

  // @ts-expect-error 2322 the name of the leader is no function
  @ExclusiveCron('0 3 * * *', { leader: () => 'reports' })
  async hasALeaderFunction(): Promise<void> {}

  async byHand(): Promise<boolean> {
    await using leadership: Leadership = this.locks.lead('feed', (signal) => {
      signal.throwIfAborted();
    });
    this.locks.lead(42n, async () => Promise.resolve(), { signal: AbortSignal.timeout(1) });
    // @ts-expect-error 2322 one name
    this.locks.lead(['feed', 'reports'], () => undefined);
    // @ts-expect-error 2353 as long as it takes
    this.locks.lead('feed', () => undefined, { waitMs: 5_000 });
    return leadership.isLeader && this.locks.isLeader(leadership.name);
  }
}
