import type { Observable } from 'rxjs';

/** What a method under a lock must return: the lock is held until the promise settles or the stream ends. */
export type AsyncResult = PromiseLike<unknown> | Observable<unknown>;

/** Says in a compile error why a method, a name function or an option does not fit. */
export interface DoesNotFit<Reason extends string> {
  readonly 'this cannot be locked like this': Reason;
}

/** Whether a function of `Args` can be called with the arguments of the method. */
type TakesTheArguments<Args extends readonly unknown[], Method extends (...args: never[]) => unknown> = ((
  ...args: Args
) => void) extends (...args: Parameters<Method>) => void
  ? unknown
  : DoesNotFit<'the name function does not take the arguments of the method'>;

/**
 * Callers get a Promise or an Observable that the lock makes. A method with a more specific return type, such
 * as a Subject, would break its own signature.
 */
type ReturnsPlainly<Result> =
  Result extends PromiseLike<infer T>
    ? Promise<T> extends Result
      ? unknown
      : DoesNotFit<'it returns more than a Promise'>
    : Result extends Observable<infer T>
      ? Observable<T> extends Result
        ? unknown
        : DoesNotFit<'it returns more than an Observable'>
      : never;

/** A `StreamableFile` has `getStream`; a stream of Node is iterable, and so is one of the web. */
type ReadLater = Observable<unknown> | AsyncIterable<unknown> | { getStream(): unknown };

type ReturnsNoStream<Result> =
  Result extends PromiseLike<ReadLater> ? DoesNotFit<'no one would read its stream'> : unknown;

/** What a call resolves to, or its stream emits. */
type Resolved<Result> = Result extends Observable<infer T> ? T : Awaited<Result>;

/**
 * What a busy call may supply instead. A method that is declared to return an Observable is subscribed to.
 */
type Substitute<Result> = Result extends Observable<infer T> ? T | Observable<T> : Awaited<Result>;

/** A function without a `return` supplies `undefined`. */
type Supplied<Busy, T = Awaited<Busy>> =
  Exclude<T, void> | ([Extract<T, void>] extends [never] ? never : undefined);

/** `any` is assignable to everything but `never`; a result of which nothing is known must fit that, too. */
type IsAny<T> = 0 extends 1 & T ? true : false;

/**
 * Whether callers that find the lock busy get what the return type of the method promises. As the results of
 * functions, because a function that returns nothing may be replaced by one that returns something.
 */
type FitsWhenBusy<Result, Busy> =
  true extends IsAny<Busy>
    ? unknown
    : (() => Supplied<Busy>) extends (() => Resolved<Result>) | (() => Substitute<Result>)
      ? unknown
      : unknown extends Busy
        ? DoesNotFit<'the result of onBusy is not known: annotate the name function, not the decorator'>
        : [Supplied<Busy>] extends [undefined]
          ? DoesNotFit<'when the lock is busy it resolves to undefined, which its return type does not admit'>
          : DoesNotFit<'what onBusy returns is not what the method resolves to'>;

/**
 * A decorator for methods that return a Promise or an Observable and whose arguments fit `Args`. On any other
 * method it does not compile. Where `Busy`, the result of a busy call, is known, the return type of the
 * method must admit it. (The descriptor is optional so that the decorator can be given to `applyDecorators`.)
 */
export type LockedMethodDecorator<Args extends readonly unknown[], Busy = never> = <
  Method extends (...args: never[]) => AsyncResult,
>(
  target: object,
  propertyKey: string | symbol,
  descriptor?: TypedPropertyDescriptor<Method> &
    TakesTheArguments<Args, Method> &
    ReturnsPlainly<ReturnType<Method>> &
    FitsWhenBusy<ReturnType<Method>, Busy>,
) => void;

/** A decorator for methods that a scheduler calls: without arguments, and awaiting a Promise. */
export type LockedJobDecorator = <Method extends () => PromiseLike<unknown>>(
  target: object,
  propertyKey: string | symbol,
  descriptor?: TypedPropertyDescriptor<Method> & ReturnsNoStream<ReturnType<Method>>,
) => void;
