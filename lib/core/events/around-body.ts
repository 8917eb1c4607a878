import type { AcquiredEvent } from './lock-event.js';

/** Runs the bodies of locks inside something, such as a span of OpenTelemetry. */
export interface AroundBody {
  /** Whether it runs bodies at the moment. While it does not, no event is made for it. */
  readonly isActive: boolean;
  /** Runs the body of a lock, and returns what the body returns. */
  run<T>(acquired: AcquiredEvent, body: () => T): T;
}
