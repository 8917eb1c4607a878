import type { AcquiredEvent, TickEvent } from './lock-event.js';

/** Runs the bodies of locks and the methods of jobs inside something, such as a span of OpenTelemetry. */
export interface AroundBody {
  /** Whether it runs bodies at the moment. While it does not, no event is made for it. */
  readonly isActive: boolean;
  /** Runs the body of a lock that was acquired, or of a job that began, and returns what the body returns. */
  run<T>(event: AcquiredEvent | TickEvent, body: () => T): T;
}
