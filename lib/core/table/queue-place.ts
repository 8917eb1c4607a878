/** What stands in a queue, in one at a time. The links are here, so that a place costs no object. */
export abstract class QueuePlace<T> {
  /** The queue that it stands in. @internal */
  queue: object | undefined;
  /** @internal */
  previous: T | undefined;
  /** @internal */
  next: T | undefined;

  /** Since when it waits, by `performance.now()`. */
  abstract readonly since: number;
}
