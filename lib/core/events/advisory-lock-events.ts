import { Logger } from '@nestjs/common';
import { DEFAULT_NAME } from '../../locking/advisory-lock.tokens.js';
import { messageOf } from '../errors/message-of.js';
import type { AcquiredEvent, LockEvent, LockEventOf, LockEventType, UntoldEvent } from './lock-event.js';

type Listener = (event: never) => unknown;

/**
 * Tells what happens to the locks and jobs of this process. Inject it by its class, or take `events` of an `AdvisoryLockService`.
 *
 * Listeners are called at once, one after the other, and cannot break a lock: what one throws, or its promise rejects with, is logged.
 * As long as nobody listens, nothing is made of what happens.
 *
 * @example
 * ```ts
 * constructor(events: AdvisoryLockEvents) {
 *   events.on('lost', ({ lockName, heldMs }) => this.pager.page(`${lockName} was lost after ${heldMs} ms`));
 * }
 * ```
 */
export class AdvisoryLockEvents {
  private readonly logger = new Logger('AdvisoryLockEvents');
  private readonly listeners = new Map<LockEventType | '*', Set<Listener>>();
  private listenerCount = 0;

  /**
   * Runs the body of every lock that it is told of, such as inside of a span. It has to answer what the body answers. One at most.
   * @internal
   */
  aroundBody: (<T>(acquired: AcquiredEvent, body: () => T) => T) | undefined;

  /** @internal */
  constructor(private readonly connection: string = DEFAULT_NAME) {}

  /**
   * Calls the listener for each event of a type, or of all types with `'*'`, until the function that it answers is called.
   *
   * @example
   * ```ts
   * const stop = events.on('*', (event) => console.log(event.type, event));
   * stop();
   * ```
   */
  on<T extends LockEventType>(type: T, listener: (event: LockEventOf<T>) => unknown): () => void;
  on(type: '*', listener: (event: LockEvent) => unknown): () => void;
  on(type: LockEventType | '*', listener: Listener): () => void {
    // Each registration is one of its own, also of the same function.
    const own: Listener = (event) => listener(event);
    let ofType = this.listeners.get(type);
    if (ofType === undefined) this.listeners.set(type, (ofType = new Set()));
    ofType.add(own);
    this.listenerCount += 1;
    return () => {
      if (ofType.delete(own)) this.listenerCount -= 1;
    };
  }

  /** Whether anybody listens at all. @internal */
  get isHeard(): boolean {
    return this.listenerCount > 0 || this.aroundBody !== undefined;
  }

  /** Tells all who listen, and answers what they are told. Never throws. @internal */
  emit(untold: UntoldEvent): LockEvent {
    const event: LockEvent = { ...untold, connection: this.connection };
    for (const type of [event.type, '*'] as const) {
      for (const listener of this.listeners.get(type) ?? []) this.call(listener, event);
    }
    return event;
  }

  private call(listener: Listener, event: LockEvent): void {
    const complain = (error: unknown): void => {
      this.logger.error(
        `A listener of "${event.type}" failed`,
        error instanceof Error ? error.stack : messageOf(error),
      );
    };
    try {
      const result = listener(event as never);
      if (result instanceof Promise) result.catch(complain);
    } catch (error) {
      complain(error);
    }
  }
}
