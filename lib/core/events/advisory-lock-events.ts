import { isPromise } from 'node:util/types';
import { isError } from '../errors/is-error.js';
import { messageOf } from '../errors/message-of.js';
import { DEFAULT_NAME } from '../options/default-name.js';
import { type LockLog, SILENT_LOG } from '../options/lock-log.js';
import type { AroundBody } from './around-body.js';
import type { LockEvent, LockEventOf, LockEventType, NewEvent } from './lock-event.js';

type Listener = (event: never) => unknown;

/**
 * Publishes what happens to the locks and jobs of this process. Inject it by its class, or use the `events`
 * of an `AdvisoryLockService`.
 *
 * Listeners are called synchronously, one after the other. They cannot break a lock: when a listener throws,
 * or its promise rejects, the error is logged. While there is no listener, no event is made.
 *
 * @example
 * ```ts
 * constructor(events: AdvisoryLockEvents) {
 *   events.on('lost', ({ lockName, heldMs }) => this.pager.page(`${lockName} was lost after ${heldMs} ms`));
 * }
 * ```
 */
export class AdvisoryLockEvents {
  private readonly listeners = new Map<LockEventType | '*', Set<Listener>>();
  private listenerCount = 0;

  /** @internal */
  constructor(
    private readonly connection: string = DEFAULT_NAME,
    private readonly log: LockLog = SILENT_LOG,
    private readonly aroundBody?: AroundBody,
  ) {}

  /**
   * Calls the listener for each event of a type, until the returned function is called. Never throws.
   *
   * @example
   * ```ts
   * const stop = events.on('busy', ({ lockName }) => console.log(`${lockName} is busy`));
   * stop();
   * ```
   */
  on<T extends LockEventType>(type: T, listener: (event: LockEventOf<T>) => unknown): () => void;
  /**
   * Calls the listener for each event of all types, until the returned function is called. Never throws.
   *
   * @example
   * ```ts
   * events.on('*', (event) => console.log(event.type, event));
   * ```
   */
  on(type: '*', listener: (event: LockEvent) => unknown): () => void;
  on(type: LockEventType | '*', listener: Listener): () => void {
    // Each call registers the listener once more, even the same function.
    const own: Listener = (event) => listener(event);
    let ofType = this.listeners.get(type);
    if (ofType === undefined) this.listeners.set(type, (ofType = new Set()));
    ofType.add(own);
    this.listenerCount += 1;
    return () => {
      if (ofType.delete(own)) this.listenerCount -= 1;
    };
  }

  /** Whether events are wanted at the moment. @internal */
  get hasListeners(): boolean {
    return this.listenerCount > 0 || this.aroundBody?.isActive === true;
  }

  /** What runs the bodies of locks at the moment, such as tracing. @internal */
  get activeAroundBody(): AroundBody | undefined {
    return this.aroundBody?.isActive === true ? this.aroundBody : undefined;
  }

  /** Calls all listeners, and returns the event that they receive. Never throws. @internal */
  emit(newEvent: NewEvent): LockEvent {
    const event: LockEvent = { ...newEvent, connection: this.connection };
    for (const type of [event.type, '*'] as const) {
      for (const listener of this.listeners.get(type) ?? []) this.call(listener, event);
    }
    return event;
  }

  private call(listener: Listener, event: LockEvent): void {
    const logFailure = (error: unknown): void => {
      this.log.error(`A listener of "${event.type}" failed`, isError(error) ? error.stack : messageOf(error));
    };
    try {
      const result = listener(event as never);
      // Also where another library has put its own Promise in place of the global one.
      if (isPromise(result)) result.catch(logFailure);
    } catch (error) {
      logFailure(error);
    }
  }
}
