/* eslint-disable @typescript-eslint/no-unused-vars -- the parameters are what is compared */
import { type AdvisoryLockService, OnShare, type Shares } from 'nestjs-advisory-lock';

export class Tenants {
  constructor(private readonly locks: AdvisoryLockService) {}

  @OnShare('tenants', { of: 64 })
  async worksOnAShard(shard: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return Promise.resolve();
  }

  @OnShare('tenants', { of: 64, connection: 'archive' })
  needsNoSignal(shard: number): void {
    return;
  }

  // @ts-expect-error 1241 it is called without one
  @OnShare('tenants', { of: 64 })
  async needsAName(_shard: number, _signal: AbortSignal, _name: string): Promise<void> {}

  // @ts-expect-error 1241 a shard is a number
  @OnShare('tenants', { of: 64 })
  needsText(_shard: string): void {
    return;
  }

  // @ts-expect-error 2554 no number of shards
  @OnShare('tenants')
  hasNoNumber(): void {
    return;
  }

  // @ts-expect-error 2345 a name is text
  @OnShare(42, { of: 64 })
  hasAKey(): void {
    return;
  }

  async byHand(): Promise<readonly number[]> {
    await using shares: Shares = this.locks.shares('tenants', { of: 64, onGain: () => undefined });
    // @ts-expect-error 2345 no body
    this.locks.shares('tenants', { of: 64 });
    // @ts-expect-error 2353 it takes as many as are even
    this.locks.shares('tenants', { of: 64, onGain: () => undefined, max: 3 });
    return shares.owned;
  }
}
