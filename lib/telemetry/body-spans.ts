import type { AcquiredEvent, AroundBody, TickEvent } from '../core/index.js';

/**
 * Runs the bodies of locks and jobs inside their spans, while there is a tracer. The engine gets this object
 * when it is opened; the tracer may be found later.
 */
export class BodySpans implements AroundBody {
  private spans: Pick<AroundBody, 'run'> | undefined;

  get isActive(): boolean {
    return this.spans !== undefined;
  }

  run<T>(event: AcquiredEvent | TickEvent, body: () => T): T {
    return this.spans === undefined ? body() : this.spans.run(event, body);
  }

  /** Runs bodies inside these spans until the returned function is called. */
  attach(spans: Pick<AroundBody, 'run'>): () => void {
    this.spans = spans;
    return () => {
      this.spans = undefined;
    };
  }
}
