import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { LockNotHeldError } from '../errors/lock-not-held.error.js';
import type { AdvisoryLock } from './advisory-lock.js';
import { type BodyInfo, runInside } from './lock-context.js';

/** The methods of an iterator. */
const ITERATOR_METHODS: readonly string[] = ['next', 'return', 'throw'];

/** The prototype of all async generators. */
const GENERATOR = (
  Object.getPrototypeOf(async function* () {
    // Never called.
  }) as { readonly prototype: object }
).prototype;

/** The prototypes whose methods read by `next` alone. */
const INTRINSICS: readonly unknown[] = [GENERATOR, Object.getPrototypeOf(GENERATOR)];

export function isIterable(value: object): value is AsyncIterable<unknown> {
  return typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function';
}

/**
 * The same values, under the lock, for one reader. It is released when the iteration ends, fails or is left.
 *
 * Throws `LOCK_CONFIGURATION` for an object that can be read by methods of its own, such as a cursor: the end
 * of that cannot be observed.
 */
export function holdWhileIterated<T>(
  lock: AdvisoryLock,
  source: AsyncIterable<T>,
  body: BodyInfo,
): AsyncIterable<T> {
  const method = otherMethodOf(source);
  if (method !== undefined) throw readByOtherMethods(lock, source, method);
  const held = new HeldIterator(lock, source, body);
  // With its class and its fields. A generator is its own iterator, another iterable makes one.
  const standIn = Object.create(source, 'next' in source ? methodsOf(held) : {}) as AsyncIterable<T>;
  return Object.defineProperty(standIn, Symbol.asyncIterator, {
    value(this: object) {
      return 'next' in source ? this : held.readBy(this);
    },
  });
}

/** The iterator under the lock. It knows nothing of its readers: what is left unread must be collected. */
class HeldIterator<T> implements AsyncIterator<T> {
  private iterator: AsyncIterator<T> | undefined;
  private isTaken = false;

  constructor(
    private readonly lock: AdvisoryLock,
    private readonly source: AsyncIterable<T>,
    private readonly body: BodyInfo,
  ) {
    lock.signal.addEventListener('abort', this.onLost, { once: true });
  }

  /** An iterator for the first reader. While it is used, the iterable is not collected. */
  readBy(iterable: object): AsyncIterator<T> {
    if (this.isTaken || !this.lock.isHeld) {
      throw this.lock.lost ?? new LockNotHeldError(this.lock.name, 'the values under it were read before');
    }
    this.isTaken = true;
    return Object.create({ iterable }, methodsOf(this)) as AsyncIterator<T>;
  }

  next(...values: [] | [undefined]): Promise<IteratorResult<T>> {
    return this.step((iterator) => iterator.next(...values));
  }

  async return(value?: unknown): Promise<IteratorResult<T>> {
    try {
      return await this.step((iterator) => iterator.return?.(value) ?? ended(value));
    } finally {
      await this.end();
    }
  }

  throw(error?: unknown): Promise<IteratorResult<T>> {
    return this.step((iterator) => {
      if (iterator.throw === undefined) throw error;
      return iterator.throw(error);
    });
  }

  /** One step of the source, inside the lock. What comes after the loss of the lock is not passed on. */
  private async step(
    take: (iterator: AsyncIterator<T>) => Promise<IteratorResult<T>>,
  ): Promise<IteratorResult<T>> {
    const { lock } = this;
    if (lock.isReleased) return ended(undefined);
    try {
      this.throwIfLost();
      const result = await runInside(lock, () => take(this.open()), this.body);
      this.throwIfLost();
      if (result.done === true) await this.end();
      return result;
    } catch (error) {
      await this.end();
      throw error;
    }
  }

  private throwIfLost(): void {
    if (this.lock.lost !== undefined) throw this.lock.lost;
  }

  private open(): AsyncIterator<T> {
    this.iterator ??= this.source[Symbol.asyncIterator]();
    return this.iterator;
  }

  private end(): Promise<void> {
    this.lock.signal.removeEventListener('abort', this.onLost);
    return this.lock.release();
  }

  /** Lets a generator clean up. */
  private readonly onLost = (): void => {
    void Promise.resolve(this.iterator?.return?.()).catch(() => undefined);
  };
}

function methodsOf<T>(held: HeldIterator<T>): PropertyDescriptorMap {
  return {
    next: { value: held.next.bind(held) },
    return: { value: held.return.bind(held) },
    throw: { value: held.throw.bind(held) },
  };
}

function ended<T>(value: unknown): Promise<IteratorResult<T>> {
  return Promise.resolve({ done: true, value });
}

/** A method by which the object can be read without its iterator. */
function otherMethodOf(source: object): string | undefined {
  const own = Object.entries(Object.getOwnPropertyDescriptors(source));
  const method = own.find(
    ([name, { value }]) =>
      typeof value === 'function' && name !== 'constructor' && !ITERATOR_METHODS.includes(name),
  );
  if (method !== undefined) return method[0];
  const above = Object.getPrototypeOf(source) as object | null;
  return above === null || INTRINSICS.includes(above) || isRoot(above) ? undefined : otherMethodOf(above);
}

/** Whether it is the `Object.prototype` of some realm. */
function isRoot(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null;
}

function readByOtherMethods(lock: AdvisoryLock, source: object, method: string): LockConfigurationError {
  return new LockConfigurationError(
    `What is locked with "${lock.name}" must not resolve to an object of class ${source.constructor.name}, ` +
      `which is read later, also by its method ${method}(): the lock cannot be held until that is over. ` +
      'Resolve to an async generator that reads it, or to the values.',
    { lockName: lock.name },
  );
}
