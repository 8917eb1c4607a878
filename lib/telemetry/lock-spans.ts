import { isPromise } from 'node:util/types';
import type { Attributes, Exception, HrTime, Span, Tracer } from '@opentelemetry/api';
import {
  type AcquiredEvent,
  type AdvisoryLockEvents,
  type BusyEvent,
  isError,
  type LostEvent,
  messageOf,
  printable,
  printableStack,
  type ReleasedEvent,
  type TickEvent,
} from '../core/index.js';
import type { BodySpans } from './body-spans.js';
import type { NameTemplates } from './name-templates.js';
import type { OpenTelemetry } from './open-telemetry.js';

type Outcome = 'acquired' | 'busy' | 'aborted' | 'released' | 'lost';

/**
 * Makes a span for the wait for a lock and a span for its hold, which is the parent of all spans of the body;
 * between the two, for each attempt of a job, one of the job. They are of kind INTERNAL: the time is spent
 * waiting for other holders and in the body, not in the database.
 */
export class LockSpans {
  private readonly holds = new Map<number, Span>();

  constructor(
    private readonly api: OpenTelemetry,
    private readonly tracer: Tracer,
    private readonly templates: NameTemplates,
    private readonly common: Attributes,
  ) {}

  /** Returns the function that ends it. */
  listen(events: AdvisoryLockEvents, bodySpans: BodySpans): () => void {
    const stops = [
      events.on('acquired', (event) => {
        this.acquired(event);
      }),
      events.on('busy', (event) => {
        this.busy(event);
      }),
      events.on('released', (event) => {
        this.released(event);
      }),
      events.on('lost', (event) => {
        this.lost(event);
      }),
    ];
    stops.push(bodySpans.attach(this));
    return () => {
      for (const stop of stops) stop();
      for (const span of this.holds.values()) span.end();
      this.holds.clear();
    };
  }

  /** Runs the body of a lock, or of a job, inside its span. */
  run<T>(event: AcquiredEvent | TickEvent, body: () => T): T {
    return event.type === 'tick' ? this.runJob(event, body) : this.runHold(event, body);
  }

  private runHold<T>(event: AcquiredEvent, body: () => T): T {
    const span = this.holds.get(event.holdId) ?? this.holdSpan(event);
    this.holds.set(event.holdId, span);
    const onError = (error: unknown): void => {
      // A span that has ended ignores more data, and logs a warning.
      if (this.holds.has(event.holdId)) this.fail(span, error);
    };
    return this.runIn(span, body, { onError });
  }

  private runJob<T>(event: TickEvent, body: () => T): T {
    const { lockName, method, tick, lateMs, trigger = 'schedule', attempt = 1 } = event;
    const template = this.templates.of(lockName);
    const span = this.tracer.startSpan(`advisory_lock.job ${template}`, {
      attributes: {
        ...this.common,
        'advisory_lock.name': printable(lockName),
        'advisory_lock.template': template,
        'advisory_lock.method': method,
        'advisory_lock.tick': tick.toISOString(),
        'advisory_lock.late_ms': lateMs,
        'advisory_lock.trigger': trigger,
        'advisory_lock.attempt': attempt,
      },
    });
    return this.runIn(span, body, {
      onEnd: () => {
        span.setAttribute('advisory_lock.outcome', 'ran').end();
      },
      onError: (error) => {
        this.fail(span, error);
        span.setAttribute('advisory_lock.outcome', 'failed').end();
      },
    });
  }

  /** Runs the body with the span as the parent of its spans. */
  private runIn<T>(
    span: Span,
    body: () => T,
    { onEnd = () => undefined, onError }: { onEnd?: () => void; onError: (error: unknown) => void },
  ): T {
    const { context, trace } = this.api;
    try {
      const result = context.with(trace.setSpan(context.active(), span), body);
      // Also where another library has put its own Promise in place of the global one.
      if (isPromise(result)) result.then(onEnd, onError);
      else onEnd();
      return result;
    } catch (error) {
      onError(error);
      throw error;
    }
  }

  private acquired(event: AcquiredEvent): void {
    this.waitSpan(event, 'acquired').end(event.at);
    // The end of a transaction may never be observed, unless the lock has a body.
    if (event.scope === 'session') this.holds.set(event.holdId, this.holdSpan(event));
  }

  /** Recorded only inside an active trace: an instance that skips a job must not start a trace for it. */
  private busy(event: BusyEvent): void {
    const active = this.api.trace.getActiveSpan();
    const outcome = event.isAborted ? 'aborted' : 'busy';
    if (active === undefined) return;
    if (event.waitedMs > 0) this.waitSpan(event, outcome).end(event.at);
    else active.addEvent('advisory_lock.busy', this.attributesOf(event, outcome), event.at);
  }

  private released(event: ReleasedEvent): void {
    this.endOf(event)?.end();
  }

  private lost(event: LostEvent): void {
    const span = this.endOf(event);
    if (span === undefined) return;
    this.fail(span, event.error);
    span.end();
  }

  private endOf(event: ReleasedEvent | LostEvent): Span | undefined {
    const span = this.holds.get(event.holdId);
    this.holds.delete(event.holdId);
    return span?.setAttributes({
      'advisory_lock.outcome': event.type,
      'advisory_lock.hold_ms': event.heldMs,
    });
  }

  private waitSpan(event: AcquiredEvent | BusyEvent, outcome: Outcome): Span {
    return this.tracer.startSpan(`advisory_lock.wait ${this.templates.of(event.lockName)}`, {
      startTime: hrTime(event.at.getTime() - event.waitedMs),
      attributes: { ...this.attributesOf(event, outcome), 'db.system.name': 'postgresql' },
    });
  }

  private holdSpan(event: AcquiredEvent): Span {
    return this.tracer.startSpan(`advisory_lock.hold ${this.templates.of(event.lockName)}`, {
      attributes: this.attributesOf(event),
    });
  }

  private attributesOf(event: AcquiredEvent | BusyEvent, outcome?: Outcome): Attributes {
    return {
      ...this.common,
      'advisory_lock.name': printable(event.lockName),
      'advisory_lock.template': this.templates.of(event.lockName),
      'advisory_lock.mode': event.mode,
      'advisory_lock.scope': event.scope,
      'advisory_lock.wait_ms': event.waitedMs,
      ...(outcome !== undefined && { 'advisory_lock.outcome': outcome }),
    };
  }

  private fail(span: Span, error: unknown): void {
    const message = printable(messageOf(error));
    span.recordException(exceptionOf(error, message));
    span.setStatus({ code: this.api.SpanStatusCode.ERROR, message });
  }
}

/** The attributes of the event that records an error. */
function exceptionOf(error: unknown, message: string): Exception {
  if (!isError(error)) return message;
  const { name, stack } = error;
  const { code } = error as { readonly code?: unknown };
  return {
    name: printable(name),
    message,
    ...(stack !== undefined && { stack: printableStack(stack) }),
    ...(typeof code === 'string' && { code: printable(code) }),
  };
}

/**
 * The API could take a number for one of `performance.now()`, and a `Date` has no fractions of a millisecond.
 */
function hrTime(epochMs: number): HrTime {
  const seconds = Math.floor(epochMs / 1_000);
  return [seconds, Math.round((epochMs - seconds * 1_000) * 1e6)];
}
