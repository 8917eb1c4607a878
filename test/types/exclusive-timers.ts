/* eslint-disable @typescript-eslint/no-unused-vars -- the parameters are what is compared */
import { applyDecorators } from '@nestjs/common';
import { ExclusiveInterval, type ExclusiveJobOptions, ExclusiveTimeout } from 'nestjs-advisory-lock';
import { type Observable, of } from 'rxjs';

const options: ExclusiveJobOptions = { lock: 'poll', onBusy: 'skip', connection: 'archive' };

export class Jobs {
  @ExclusiveInterval(1_000)
  async everySecond(): Promise<void> {}

  @ExclusiveInterval(1_000, options)
  async hasOptions(): Promise<void> {}

  @ExclusiveInterval('poll', 1_000)
  async isNamed(): Promise<void> {}

  @ExclusiveInterval('poll', 1_000, options)
  async isNamedAndHasOptions(): Promise<void> {}

  @ExclusiveInterval(1_000, { lock: [1, 2], onBusy: ({ lockName }) => lockName })
  returnsSomething(): Promise<number> {
    return Promise.resolve(1);
  }

  @ExclusiveTimeout(1_000)
  async onceLater(): Promise<void> {}

  @ExclusiveTimeout('warm up', 1_000, options)
  protected async isProtected(): Promise<void> {}

  @ExclusiveTimeout(1_000, { lock: 7n, onBusy: 'throw' })
  async canBeCalledByHandToo(_force?: boolean): Promise<void> {}

  @applyDecorators(ExclusiveInterval(1_000), ExclusiveTimeout(1_000))
  async isComposed(): Promise<void> {}

  // @ts-expect-error 1241 over before the lock is even asked for
  @ExclusiveInterval(1_000)
  isSync(): void {
    return;
  }

  // @ts-expect-error 1241 over before the lock is even asked for
  @ExclusiveTimeout('warm up', 1_000)
  isSyncToo(): void {
    return;
  }

  // @ts-expect-error 1241 the scheduler calls it without arguments
  @ExclusiveInterval(1_000)
  async needsAnArgument(_day: string): Promise<void> {}

  // @ts-expect-error 1241 the scheduler subscribes to nothing, so it would never run
  @ExclusiveTimeout(1_000)
  returnsAnObservable(): Observable<number> {
    return of(1);
  }

  // @ts-expect-error 1241 the scheduler subscribes to nothing, so the lock would never be released
  @ExclusiveInterval('poll', 1_000)
  returnsAPromiseOfAnObservable(): Promise<Observable<number>> {
    return Promise.resolve(of(1));
  }

  // @ts-expect-error 2554 no time
  @ExclusiveInterval()
  async hasNoTime(): Promise<void> {}

  // @ts-expect-error 2345 a name, and no time
  @ExclusiveTimeout('warm up')
  async hasANameOnly(): Promise<void> {}

  // @ts-expect-error 2769 not a number
  @ExclusiveInterval('poll', '1000')
  async hasATextAsItsTime(): Promise<void> {}

  // @ts-expect-error 2769 not a cron expression
  @ExclusiveInterval('* * * * *', options)
  async isCron(): Promise<void> {}

  // @ts-expect-error 2769 the name is the first argument
  @ExclusiveInterval(1_000, 'poll')
  async isTheOtherWayRound(): Promise<void> {}

  // @ts-expect-error 2769 misspelt
  @ExclusiveInterval(1_000, { lok: 'poll' })
  async isMisspelt(): Promise<void> {}

  // @ts-expect-error 2769 an option of cron jobs
  @ExclusiveInterval(1_000, { waitForCompletion: true })
  async isNoCronJob(): Promise<void> {}

  // @ts-expect-error 2769 the name of the lock is no function here
  @ExclusiveTimeout(1_000, { lock: () => 'poll' })
  async hasANameFunction(): Promise<void> {}

  // @ts-expect-error 2322 no such way
  @ExclusiveTimeout('warm up', 1_000, { onBusy: 'wait' })
  async waits(): Promise<void> {}

  @ExclusiveInterval('poll', 1_000, { every: 'delay', retry: { attempts: 3 }, historyMs: 3_600_000 })
  async countsFromTheEnd(): Promise<void> {}

  // @ts-expect-error 2769 a timeout has no period
  @ExclusiveTimeout(1_000, { every: 'delay' })
  async isNoInterval(): Promise<void> {}
}
