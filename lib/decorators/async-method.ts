import type { Observable } from 'rxjs';

/** What a method under a lock has to answer: the lock lasts until it settles or completes. */
export type AsyncResult = PromiseLike<unknown> | Observable<unknown>;

/** Says in a compile error what is wrong with a name function. */
interface NameFunctionDoesNotFitTheMethod<NameArgs, MethodArgs> {
  readonly 'the name function takes': NameArgs;
  readonly 'but the method takes': MethodArgs;
}

/** Whether a function of `Args` can be called with the arguments of the method. */
type Fits<Args extends readonly unknown[], Method extends (...args: never[]) => unknown> = ((
  ...args: Args
) => void) extends (...args: Parameters<Method>) => void
  ? unknown
  : NameFunctionDoesNotFitTheMethod<Args, Parameters<Method>>;

/**
 * A decorator for methods that answer a Promise or an Observable and whose arguments fit `Args`; on any other method it does
 * not compile.
 */
export type LockedMethodDecorator<Args extends readonly unknown[]> = <
  Method extends (...args: never[]) => AsyncResult,
>(
  target: object,
  propertyKey: string | symbol,
  descriptor: TypedPropertyDescriptor<Method> & Fits<Args, Method>,
) => void;
