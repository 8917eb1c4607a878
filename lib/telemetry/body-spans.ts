import type { AcquiredEvent, AroundBody } from '../core/index.js';

/**
 * Runs the bodies of locks inside their spans, while there is tracing. The engine gets it when it is opened; a tracer
 * may be found later.
 */
export class BodySpans implements AroundBody {
  private spans: Pick<AroundBody, 'run'> | undefined;

  get isActive(): boolean {
    return this.spans !== undefined;
  }

  run<T>(acquired: AcquiredEvent, body: () => T): T {
    return this.spans === undefined ? body() : this.spans.run(acquired, body);
  }

  /** Runs bodies by these spans, until the returned function is called. */
  attach(spans: Pick<AroundBody, 'run'>): () => void {
    this.spans = spans;
    return () => {
      this.spans = undefined;
    };
  }
}
