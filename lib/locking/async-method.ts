import type { Observable } from 'rxjs';

/** What a method under a lock has to answer: the lock lasts until it settles or completes. */
export type AsyncResult = PromiseLike<unknown> | Observable<unknown>;

/** Says in a compile error what is wrong with a method or a name function. */
interface DoesNotFit<Reason extends string> {
  readonly 'this method cannot be locked so': Reason;
}

/** Whether a function of `Args` can be called with the arguments of the method. */
type TakesTheArguments<Args extends readonly unknown[], Method extends (...args: never[]) => unknown> = ((
  ...args: Args
) => void) extends (...args: Parameters<Method>) => void
  ? unknown
  : DoesNotFit<'the name function does not take the arguments of the method'>;

/** Callers get a Promise or an Observable made by the lock: a method that promises more, such as a Subject, would lie. */
type AnswersPlainly<Result> =
  Result extends PromiseLike<infer T>
    ? Promise<T> extends Result
      ? unknown
      : DoesNotFit<'it answers more than a Promise'>
    : Result extends Observable<infer T>
      ? Observable<T> extends Result
        ? unknown
        : DoesNotFit<'it answers more than an Observable'>
      : never;

type AnswersNoStream<Result> =
  Result extends PromiseLike<Observable<unknown>>
    ? DoesNotFit<'nobody would subscribe to its stream'>
    : unknown;

/**
 * A decorator for methods that answer a Promise or an Observable and whose arguments fit `Args`; on any other method it does
 * not compile. (The descriptor is optional so that it can be given to `applyDecorators`.)
 */
export type LockedMethodDecorator<Args extends readonly unknown[]> = <
  Method extends (...args: never[]) => AsyncResult,
>(
  target: object,
  propertyKey: string | symbol,
  descriptor?: TypedPropertyDescriptor<Method> &
    TakesTheArguments<Args, Method> &
    AnswersPlainly<ReturnType<Method>>,
) => void;

/** A decorator for methods that a scheduler calls: without arguments, and awaiting a Promise. */
export type LockedJobDecorator = <Method extends () => PromiseLike<unknown>>(
  target: object,
  propertyKey: string | symbol,
  descriptor?: TypedPropertyDescriptor<Method> & AnswersNoStream<ReturnType<Method>>,
) => void;
