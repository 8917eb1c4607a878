/* eslint-disable @typescript-eslint/no-unused-vars -- the parameters are what is compared */
import { applyDecorators, StreamableFile } from '@nestjs/common';
import { CronExpression } from '@nestjs/schedule';
import { ExclusiveCron, type ExclusiveCronOptions } from 'nestjs-advisory-lock';
import { type Observable, of } from 'rxjs';
import { Readable } from 'node:stream';

const options: ExclusiveCronOptions = { name: 'nightly', lock: 'nightly', timeZone: 'Europe/Berlin' };

export class Jobs {
  @ExclusiveCron('0 3 * * *')
  async byExpression(): Promise<void> {}

  @ExclusiveCron(CronExpression.EVERY_DAY_AT_3AM, options)
  async byConstant(): Promise<void> {}

  @ExclusiveCron(new Date(0), { utcOffset: 60, waitForCompletion: true, threshold: 1, initialDelay: 1 })
  async byDate(): Promise<void> {}

  @ExclusiveCron('0 3 * * *', { onBusy: ({ lockName }) => lockName, connection: 'archive', disabled: true })
  async hasTheOptionsOfBoth(): Promise<void> {}

  @ExclusiveCron('0 3 * * *', { lock: [1, 2], unrefTimeout: true })
  returnsSomething(): Promise<number> {
    return Promise.resolve(1);
  }

  @ExclusiveCron('0 3 * * *')
  async canBeCalledByHandToo(_force?: boolean): Promise<void> {}

  @ExclusiveCron('0 3 * * *')
  protected async isProtected(): Promise<void> {}

  @applyDecorators(ExclusiveCron('0 3 * * *'))
  async isComposed(): Promise<void> {}

  @ExclusiveCron('0 3 * * *', { tick: 'record', catchUp: 'all', retain: 3_600_000, overlap: 'queue' })
  async isRecorded(): Promise<void> {}

  @ExclusiveCron('0 3 * * *', { tick: 'claim', claimMs: 60_000, onCrash: 'skip', overlap: 'queue' })
  async isClaimed(): Promise<void> {}

  // @ts-expect-error 1241 over before the lock is even asked for
  @ExclusiveCron('0 3 * * *')
  isSync(): void {
    return;
  }

  // @ts-expect-error 1241 the scheduler calls it without arguments
  @ExclusiveCron('0 3 * * *')
  async needsAnArgument(_day: string): Promise<void> {}

  // @ts-expect-error 1241 the scheduler subscribes to nothing, so it would never run
  @ExclusiveCron('0 3 * * *')
  returnsAnObservable(): Observable<number> {
    return of(1);
  }

  // @ts-expect-error 1241 the scheduler reads nothing, so the lock would be kept
  @ExclusiveCron('0 3 * * *')
  resolvesToAStream(): Promise<Readable> {
    return Promise.resolve(Readable.from([]));
  }

  // @ts-expect-error 1241 the scheduler reads nothing, so the lock would be kept
  @ExclusiveCron('0 3 * * *')
  resolvesToAFile(): Promise<StreamableFile> {
    return Promise.resolve(new StreamableFile(Buffer.from('')));
  }

  @ExclusiveCron('0 3 * * *', { reentry: 'join' })
  async joins(): Promise<void> {}

  // @ts-expect-error 1241 the scheduler subscribes to nothing, so the lock would never be released
  @ExclusiveCron('0 3 * * *')
  returnsAPromiseOfAnObservable(): Promise<Observable<number>> {
    return Promise.resolve(of(1));
  }

  // @ts-expect-error 2554 no time
  @ExclusiveCron()
  async hasNoTime(): Promise<void> {}

  // @ts-expect-error 2561 misspelt
  @ExclusiveCron('0 3 * * *', { lok: 'nightly' })
  async isMisspelt(): Promise<void> {}

  // @ts-expect-error 2322 one or the other, as for @Cron
  @ExclusiveCron('0 3 * * *', { timeZone: 'Europe/Berlin', utcOffset: 60 })
  async hasTwoZones(): Promise<void> {}

  // @ts-expect-error 2322 the name of the lock is no function here
  @ExclusiveCron('0 3 * * *', { lock: () => 'nightly' })
  async hasANameFunction(): Promise<void> {}

  // @ts-expect-error 2322 no such way
  @ExclusiveCron('0 3 * * *', { onBusy: 'wait' })
  async waits(): Promise<void> {}

  // @ts-expect-error 2345 there is no record
  @ExclusiveCron('0 3 * * *', { catchUp: 'all' })
  async catchesUpWithoutARecord(): Promise<void> {}

  // @ts-expect-error 2322 there is no record
  @ExclusiveCron('0 3 * * *', { tick: 'claim', retain: 3_600_000 })
  async retainsWithoutARecord(): Promise<void> {}

  // @ts-expect-error 2322 the record outlasts every claim
  @ExclusiveCron('0 3 * * *', { tick: 'record', claimMs: 60_000 })
  async claimsForAWhile(): Promise<void> {}

  // @ts-expect-error 2322 the record says so
  @ExclusiveCron('0 3 * * *', { tick: 'record', onCrash: 'rerun' })
  async runsAgain(): Promise<void> {}
}
