/* eslint-disable @typescript-eslint/no-unused-vars -- the parameters are what is compared */
/* What does and does not compile. @ts-expect-error has the code of the error; see types.spec.ts. */
import { applyDecorators, Controller, Get, Param, Query, StreamableFile } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { type AsyncResult, WithAdvisoryLock, type WithAdvisoryLockOptions } from 'nestjs-advisory-lock';
import { type Observable, of, Subject } from 'rxjs';

const options: WithAdvisoryLockOptions = { waitMs: 5 };
const skipping: WithAdvisoryLockOptions<[], undefined> = { onBusy: 'skip' };
const substituting: WithAdvisoryLockOptions<[id: string], string> = { onBusy: ({ args: [id] }) => id };
const anyWay: WithAdvisoryLockOptions<[], number | undefined> = { onBusy: () => 1 };
const inferred = { onBusy: () => 'busy', waitMs: 5 } as const;
const patience = process.env.PATIENCE === 'none';

// @ts-expect-error 2322 such a variable must say that a busy call resolves to undefined
const skippingUnsaid: WithAdvisoryLockOptions = { onBusy: 'skip' };

// @ts-expect-error 2322 such a variable must say that a busy call resolves to a string
const substitutingUnsaid: WithAdvisoryLockOptions = { onBusy: () => 'busy' };

const LockedRoute = (path: string) => applyDecorators(WithAdvisoryLock(`route ${path}`), Get(path));

interface Order {
  readonly id: string;
  readonly lines: number;
}

export class Methods {
  @WithAdvisoryLock('a')
  async isAsync(): Promise<void> {}

  @WithAdvisoryLock('a')
  returnsAPromise(): Promise<string> {
    return Promise.resolve('');
  }

  @WithAdvisoryLock('a')
  returnsAThenable(): PromiseLike<string> {
    return Promise.resolve('');
  }

  @WithAdvisoryLock('a')
  returnsAnObservable(): Observable<number> {
    return of(1);
  }

  @WithAdvisoryLock('a')
  returnsAPromiseOfAnObservable(): Promise<Observable<number>> {
    return Promise.resolve(of(1));
  }

  @WithAdvisoryLock('a')
  isGeneric<T extends Order>(value: T): Promise<T> {
    return Promise.resolve(value);
  }

  @WithAdvisoryLock(<T extends { id: string }>(value: T) => value.id)
  isGenericAsItsName<T extends Order>(value: T): Promise<T> {
    return Promise.resolve(value);
  }

  overloaded(id: string): Promise<string>;
  overloaded(id: number): Promise<number>;
  @WithAdvisoryLock((id: string | number) => `order:${id}`)
  overloaded(id: string | number): Promise<string | number> {
    return Promise.resolve(id);
  }

  @WithAdvisoryLock('a')
  private async isPrivate(): Promise<void> {}

  @WithAdvisoryLock('a')
  protected async isProtected(): Promise<void> {}

  @WithAdvisoryLock('a')
  async [Symbol.asyncDispose](): Promise<void> {
    await this.isPrivate();
  }

  @WithAdvisoryLock('a')
  @Cron('* * * * *')
  async standsAboveCron(): Promise<void> {}

  @Cron('* * * * *')
  @WithAdvisoryLock('a')
  async standsBelowCron(): Promise<void> {}

  @applyDecorators(Cron('* * * * *'), WithAdvisoryLock('a'))
  async isComposed(): Promise<void> {}

  // @ts-expect-error 1241 a body that is over before the lock is even asked for
  @WithAdvisoryLock('a')
  isSync(): void {
    return;
  }

  // @ts-expect-error 1241 a caller that expects a number would get a Promise
  @WithAdvisoryLock('a')
  returnsANumber(): number {
    return 1;
  }

  // @ts-expect-error 1241 half of the callers would get something else than they expect
  @WithAdvisoryLock('a')
  isSometimesSync(): number | Promise<number> {
    return 1;
  }

  // @ts-expect-error 1241 an async generator yields after the lock was released
  @WithAdvisoryLock('a')
  async *generates(): AsyncGenerator<number> {
    yield await Promise.resolve(1);
  }

  // @ts-expect-error 1241 a subject is also written to, and a locked method can only return a stream to read
  @WithAdvisoryLock('a')
  returnsASubject(): Subject<number> {
    return new Subject();
  }
}

export class Names {
  @WithAdvisoryLock(7)
  async isANumber(): Promise<void> {}

  @WithAdvisoryLock(7n)
  async isABigint(): Promise<void> {}

  @WithAdvisoryLock([1, 2])
  async isAPair(): Promise<void> {}

  @WithAdvisoryLock(() => 'a')
  async ignoresTheArguments(_id: string): Promise<void> {}

  @WithAdvisoryLock<[id: string]>((id) => `order:${id}`)
  async isTypedByItsArguments(_id: string): Promise<void> {}

  @WithAdvisoryLock((id: string) => `order:${id}`)
  async isTypedByItsParameter(_id: string): Promise<void> {}

  @WithAdvisoryLock((id) => `order:${String(id)}`)
  async isNotTyped(_id: string): Promise<void> {}

  @WithAdvisoryLock((id: string) => `order:${id}`)
  async usesOnlyTheFirst(_id: string, _amount: number): Promise<void> {}

  @WithAdvisoryLock((order: { id: string }) => order.id)
  async usesAPart(_order: Order): Promise<void> {}

  @WithAdvisoryLock((id: string, part?: number) => [id.length, part ?? 0])
  async hasAnOptional(_id: string, _part?: number): Promise<void> {}

  @WithAdvisoryLock((id?: string) => `order:${id ?? 'all'}`)
  async takesItOptionallyToo(_id?: string): Promise<void> {}

  @WithAdvisoryLock<[id?: string]>((id) => `order:${id ?? 'all'}`)
  async isOptionalByItsArguments(_id?: string): Promise<void> {}

  @WithAdvisoryLock((id?: string) => `order:${id ?? 'all'}`)
  async usesOnlyTheOptionalFirst(_id?: string, _amount?: number, ..._rest: string[]): Promise<void> {}

  @WithAdvisoryLock((id?: string) => `order:${id ?? 'all'}`)
  async alwaysGivesIt(_id: string, _amount: number): Promise<void> {}

  @WithAdvisoryLock((...ids: string[]) => ids.join())
  async hasARest(..._ids: string[]): Promise<void> {}

  // @ts-expect-error 1241 the method takes a number
  @WithAdvisoryLock<[id: string]>((id) => `order:${id}`)
  async takesAnother(_id: number): Promise<void> {}

  // @ts-expect-error 1241 the method takes a number
  @WithAdvisoryLock((id: string) => `order:${id}`)
  async takesAnotherToo(_id: number): Promise<void> {}

  // @ts-expect-error 1241 the method takes nothing, so the name would be order:undefined
  @WithAdvisoryLock((id: string) => `order:${id}`)
  async takesNothing(): Promise<void> {}

  // @ts-expect-error 1241 the method may be called without it
  @WithAdvisoryLock((id: string) => `order:${id}`)
  async takesItOptionally(_id?: string): Promise<void> {}

  // @ts-expect-error 1241 the arguments are the other way round
  @WithAdvisoryLock((id: string, amount: number) => `${id}:${amount}`)
  async takesThemInAnotherOrder(_amount: number, _id: string): Promise<void> {}

  // @ts-expect-error 1241 an order has no such field
  @WithAdvisoryLock((order: { sku: string }) => order.sku)
  async takesAnotherObject(_order: Order): Promise<void> {}

  // @ts-expect-error 2345 a boolean is no name
  @WithAdvisoryLock(true)
  async isABoolean(): Promise<void> {}

  // @ts-expect-error 2345 nor is the result of a function without a return
  @WithAdvisoryLock((id: string) => {
    id.trim();
  })
  async isNothing(_id: string): Promise<void> {}

  // @ts-expect-error 2345 the name is needed at once
  @WithAdvisoryLock((id: string) => Promise.resolve(id))
  async isAPromise(_id: string): Promise<void> {}

  // @ts-expect-error 2345 Postgres has pairs, no triples
  @WithAdvisoryLock([1, 2, 3])
  async isATriple(): Promise<void> {}

  // @ts-expect-error 2554 nothing to lock
  @WithAdvisoryLock()
  async isMissing(): Promise<void> {}
}

export class Options {
  @WithAdvisoryLock('a', { onBusy: 'throw', connection: 'archive', httpStatus: 423, exposeLockName: true })
  async hasAll(): Promise<void> {}

  @WithAdvisoryLock('a', {
    onBusy: ({ lockName, args, methodName, error }) => [lockName, args, methodName, error],
  })
  async isToldOfBusy(): Promise<unknown> {
    return Promise.resolve();
  }

  @WithAdvisoryLock((id: string) => id, { onBusy: ({ args: [id] }) => id.toUpperCase() })
  knowsTheArguments(id: string): Promise<string> {
    return Promise.resolve(id);
  }

  // @ts-expect-error 1360 the argument is a string
  @WithAdvisoryLock((id: string) => id, { onBusy: ({ args: [id] }) => id satisfies number })
  doesNotKnowTheArguments(id: string): Promise<string> {
    return Promise.resolve(id);
  }

  // @ts-expect-error 2769 says "Type '"ignore"' is not assignable to type 'OnBusy", as there is no such way
  @WithAdvisoryLock('a', { onBusy: 'ignore' })
  async ignores(): Promise<void> {}

  // @ts-expect-error 2769 says "Type '404' is not assignable to type 'BusyHttpStatus", as it is no status for a busy lock
  @WithAdvisoryLock('a', { httpStatus: 404 })
  async isNotFound(): Promise<void> {}

  // @ts-expect-error 2769 says "Type 'string' is not assignable to type 'boolean", as it is no boolean
  @WithAdvisoryLock('a', { exposeLockName: 'yes' })
  async exposes(): Promise<void> {}

  // @ts-expect-error 2769 says "Type 'number' is not assignable to type 'string'", as it is no name
  @WithAdvisoryLock('a', { connection: 1 })
  async connects(): Promise<void> {}

  // @ts-expect-error 2769 says "'onbusy' does not exist in type", as it is misspelt
  @WithAdvisoryLock('a', { onbusy: 'skip' })
  async isMisspelt(): Promise<void> {}

  // @ts-expect-error 2769 says "Type 'true' is not assignable", as it is no word
  @WithAdvisoryLock('a', { reentry: true })
  async enters(): Promise<void> {}

  @WithAdvisoryLock('a', { reentry: 'join' })
  @WithAdvisoryLock('b', { reentry: 'refuse', scope: 'transaction' })
  async joins(): Promise<void> {}

  // @ts-expect-error 1241 nothing of it has run when its call returns
  @WithAdvisoryLock('a')
  async *generates(): AsyncGenerator<number> {
    yield Promise.resolve(1);
  }

  @WithAdvisoryLock('a')
  returnsAGenerator(): Promise<AsyncGenerator<number>> {
    return Promise.resolve(this.generates());
  }

  @WithAdvisoryLock('a')
  returnsAFile(): Promise<StreamableFile> {
    return Promise.resolve(new StreamableFile(Buffer.from('')));
  }

  @WithAdvisoryLock('a', { waitMs: 5 })
  async waits(): Promise<void> {}

  @WithAdvisoryLock('a', { permits: 5, mode: 'exclusive' })
  async shares(): Promise<void> {}
}

export class Busy {
  @WithAdvisoryLock('a', { onBusy: 'skip' })
  async returnsNothing(): Promise<void> {}

  @WithAdvisoryLock('a', { onBusy: 'skip' })
  mayBeUndefined(): Promise<string | undefined> {
    return Promise.resolve('');
  }

  @WithAdvisoryLock<[id: string]>((id) => id, { onBusy: 'skip' })
  isUnknown(id: string): Promise<unknown> {
    return Promise.resolve(id);
  }

  @WithAdvisoryLock('a', { onBusy: 'skip' })
  emitsUndefined(): Observable<number | undefined> {
    return of(1);
  }

  @applyDecorators(WithAdvisoryLock('a', { onBusy: 'skip' }))
  async isComposed(): Promise<void> {}

  // @ts-expect-error 1241 says "when the lock is busy it resolves to undefined, which its return type does not admit"
  @WithAdvisoryLock('a', { onBusy: 'skip' })
  promisesAString(): Promise<string> {
    return Promise.resolve('');
  }

  // @ts-expect-error 1241 says "when the lock is busy it resolves to undefined, which its return type does not admit"
  @WithAdvisoryLock<[id: string]>((id) => id, { onBusy: 'skip', waitMs: 5 })
  promisesAStringToo(id: string): Promise<string> {
    return Promise.resolve(id);
  }

  // @ts-expect-error 1241 says "when the lock is busy it resolves to undefined, which its return type does not admit"
  @WithAdvisoryLock('a', { onBusy: 'skip', scope: 'transaction' })
  mayBeNull(): Promise<string | null> {
    return Promise.resolve(null);
  }

  // @ts-expect-error 1241 says "when the lock is busy it resolves to undefined, which its return type does not admit"
  @WithAdvisoryLock('a', { onBusy: 'skip' })
  emitsNumbers(): Observable<number> {
    return of(1);
  }

  // @ts-expect-error 1241 says "when the lock is busy it resolves to undefined, which its return type does not admit"
  @WithAdvisoryLock('a', { onBusy: 'skip' })
  promisesAStream(): Promise<Observable<number>> {
    return Promise.resolve(of(1));
  }

  @WithAdvisoryLock('a', { onBusy: () => 0 })
  getsANumber(): Promise<number> {
    return Promise.resolve(1);
  }

  @WithAdvisoryLock('a', { onBusy: async () => Promise.resolve(0) })
  getsAPromiseOfANumber(): PromiseLike<number> {
    return Promise.resolve(1);
  }

  @WithAdvisoryLock('a', { onBusy: () => undefined })
  mayGetUndefined(): Promise<number | undefined> {
    return Promise.resolve(1);
  }

  @WithAdvisoryLock('a', {
    onBusy: ({ lockName }) => {
      lockName.trim();
    },
  })
  mayGetNothing(): Promise<number | undefined> {
    return Promise.resolve(1);
  }

  @WithAdvisoryLock('a', { onBusy: async (): Promise<void> => Promise.resolve() })
  mayGetNothingLater(): Promise<number | undefined> {
    return Promise.resolve(1);
  }

  @WithAdvisoryLock('a', { onBusy: () => 0 })
  emitsNothing(): Observable<void> {
    return of();
  }

  @WithAdvisoryLock('a', {
    onBusy: ({ error }) => {
      throw error;
    },
  })
  getsAnError(): Promise<number> {
    return Promise.resolve(1);
  }

  @WithAdvisoryLock((id: string) => id, { onBusy: ({ args: [id] }) => id.length })
  ignoresWhatItGets(_id: string): Promise<void> {
    return Promise.resolve();
  }

  @WithAdvisoryLock('a', { onBusy: () => 0 })
  emitsANumber(): Observable<number> {
    return of(1);
  }

  @WithAdvisoryLock('a', { onBusy: () => of(0) })
  getsAStream(): Observable<number> {
    return of(1);
  }

  @WithAdvisoryLock('a', { onBusy: ({ args }): unknown => args, scope: 'transaction' })
  isAnything(): Promise<unknown> {
    return Promise.resolve();
  }

  @WithAdvisoryLock('a', options)
  hasOptionsFromElsewhere(): Promise<string> {
    return Promise.resolve('');
  }

  @WithAdvisoryLock('a', skipping)
  skipsAsTheVariableSays(): Promise<string | undefined> {
    return Promise.resolve('');
  }

  @WithAdvisoryLock((id: string) => id, substituting)
  getsWhatTheVariableSays(id: string): Promise<string> {
    return Promise.resolve(id);
  }

  @WithAdvisoryLock('a', inferred)
  getsWhatIsInferred(): Promise<string> {
    return Promise.resolve('');
  }

  @WithAdvisoryLock('a', { onBusy: patience ? 'skip' : 'throw' })
  maySkip(): Promise<number | undefined> {
    return Promise.resolve(1);
  }

  @WithAdvisoryLock('a', { onBusy: patience ? () => 1 : 'throw' })
  mayGetANumber(): Promise<number> {
    return Promise.resolve(1);
  }

  @WithAdvisoryLock<[id: string]>((id) => id, {
    onBusy: ({ args: [id], error }) => {
      throw new Error(id, { cause: error });
    },
  })
  throwsItsOwn(id: string): Promise<string> {
    return Promise.resolve(id);
  }

  // @ts-expect-error 1241 says "when the lock is busy it resolves to undefined, which its return type does not admit"
  @WithAdvisoryLock('a', skipping)
  skipsInAVariable(): Promise<number> {
    return Promise.resolve(1);
  }

  // @ts-expect-error 1241 says "what onBusy returns is not what the method resolves to"
  @WithAdvisoryLock((id: string) => id, substituting)
  getsAStringInAVariable(id: string): Promise<number> {
    return Promise.resolve(id.length);
  }

  // @ts-expect-error 1241 says "what onBusy returns is not what the method resolves to"
  @WithAdvisoryLock('a', anyWay)
  mayGetUndefinedInAVariable(): Promise<number> {
    return Promise.resolve(1);
  }

  // @ts-expect-error 1241 says "what onBusy returns is not what the method resolves to"
  @WithAdvisoryLock('a', inferred)
  getsAnInferredString(): Promise<number> {
    return Promise.resolve(1);
  }

  // @ts-expect-error 1241 says "when the lock is busy it resolves to undefined, which its return type does not admit"
  @WithAdvisoryLock('a', { onBusy: patience ? 'skip' : 'throw' })
  skipsOnACondition(): Promise<number> {
    return Promise.resolve(1);
  }

  // @ts-expect-error 1241 says "what onBusy returns is not what the method resolves to"
  @WithAdvisoryLock('a', { onBusy: patience ? () => 1 : 'skip' })
  skipsOrGetsANumber(): Promise<number> {
    return Promise.resolve(1);
  }

  // @ts-expect-error 1241 says "the result of onBusy is not known: annotate the name function, not the decorator"
  @WithAdvisoryLock<[id: string]>((id) => id, { onBusy: () => 'busy' })
  writesTheArgumentsOut(id: string): Promise<number> {
    return Promise.resolve(id.length);
  }

  // @ts-expect-error 1241 says "what onBusy returns is not what the method resolves to"
  @WithAdvisoryLock('a', { onBusy: () => 'busy' })
  promisesANumber(): Promise<number> {
    return Promise.resolve(1);
  }

  // @ts-expect-error 1241 says "what onBusy returns is not what the method resolves to"
  @WithAdvisoryLock((id: number) => id, { onBusy: async ({ args: [id] }) => Promise.resolve(`${id}`) })
  promisesANumberToo(id: number): Promise<number> {
    return Promise.resolve(id);
  }

  // @ts-expect-error 1241 says "what onBusy returns is not what the method resolves to"
  @WithAdvisoryLock('a', { onBusy: (): number | undefined => undefined, scope: 'transaction' })
  promisesANumberForSure(): Promise<number> {
    return Promise.resolve(1);
  }

  // @ts-expect-error 1241 says "what onBusy returns is not what the method resolves to"
  @WithAdvisoryLock('a', { onBusy: () => of('') })
  emitsOnlyNumbers(): Observable<number> {
    return of(1);
  }

  // @ts-expect-error 1241 says "what onBusy returns is not what the method resolves to"
  @WithAdvisoryLock('a', { onBusy: () => of(1) })
  promisesNoStream(): Promise<number> {
    return Promise.resolve(1);
  }
}

@Controller()
export class Routes {
  @Get(':id')
  @WithAdvisoryLock((id: string) => `order:${id}`)
  below(@Param('id') id: string): Promise<string> {
    return Promise.resolve(id);
  }

  @WithAdvisoryLock((id: string, dry?: string) => `order:${id}:${dry ?? ''}`)
  @Get(':id')
  above(@Param('id') id: string, @Query('dry') dry?: string): Observable<string> {
    return of(id, dry ?? '');
  }

  @LockedRoute('composed')
  composed(): Promise<string> {
    return Promise.resolve('');
  }

  @Get(':id/pages')
  // @ts-expect-error 1241 the parameter was converted to a number
  @WithAdvisoryLock((id: string) => `order:${id}`)
  converted(@Param('id') id: number): Promise<number> {
    return Promise.resolve(id);
  }
}

// @ts-expect-error 1238 not a method
@WithAdvisoryLock('a')
export class NotAMethod {}

export const result: AsyncResult = Promise.resolve();
