import { describe, expect, it } from '@jest/globals';
import { trace } from '@opentelemetry/api';
import {
  type AcquiredEvent,
  AdvisoryLockEvents,
  type LockEvent,
  LockLostError,
  SILENT_LOG,
  type TickEvent,
} from '../../lib/core/index.js';
import { AdvisoryLockTelemetry, type TelemetryOptions } from '../../lib/telemetry/advisory-lock-telemetry.js';
import { BodySpans } from '../../lib/telemetry/body-spans.js';
import type { LockUsage } from '../../lib/telemetry/lock-gauges.js';
import { NameTemplates } from '../../lib/telemetry/name-templates.js';
import { defer } from '../support/cleanup.js';
import { recordMetrics, recordSpans } from '../support/telemetry-sdk.js';

const NOTHING_USED: LockUsage = {
  connectionCounts: { open: 0, allowed: 4 },
  lockCounts: { used: 0, allowed: 100 },
  pulse: undefined,
  activities: [],
};

function eventsWithSpans(): { events: AdvisoryLockEvents; bodySpans: BodySpans } {
  const bodySpans = new BodySpans();
  return { bodySpans, events: new AdvisoryLockEvents('default', SILENT_LOG, bodySpans) };
}

function telemetryOf(
  { events, bodySpans }: ReturnType<typeof eventsWithSpans>,
  options?: TelemetryOptions,
  usage = NOTHING_USED,
): AdvisoryLockTelemetry {
  const telemetry = new AdvisoryLockTelemetry(events, bodySpans, usage, new NameTemplates(), options);
  defer(() => {
    telemetry.onApplicationShutdown();
  });
  return telemetry;
}

async function started(options?: TelemetryOptions): Promise<AdvisoryLockEvents> {
  const parts = eventsWithSpans();
  const { events } = parts;
  const telemetry = telemetryOf(parts, options);
  await telemetry.onModuleInit();
  await telemetry.onApplicationBootstrap();
  return events;
}

function acquired(lockName: string, more: Partial<AcquiredEvent> = {}): AcquiredEvent {
  return {
    type: 'acquired',
    at: new Date(),
    connection: 'default',
    lockName,
    mode: 'exclusive',
    scope: 'session',
    key: '1',
    holdId: 1,
    waitedMs: 250,
    ...more,
  };
}

function released({ connection, lockName, mode, scope, key, holdId }: AcquiredEvent, heldMs = 0): LockEvent {
  return { type: 'released', at: new Date(), connection, lockName, mode, scope, key, holdId, heldMs };
}

describe('without an SDK', () => {
  it.each([undefined, 'auto', false] as const)('has no listener with `telemetry: %s`', async (telemetry) => {
    expect((await started({ telemetry })).hasListeners).toBe(false);
  });

  it('it is looked for again with `telemetry: true`, until it is there', async () => {
    const events = await started({ telemetry: true });
    const spans = recordSpans();
    const scrape = await recordMetrics();
    const lock = acquired('order:42');
    events.emit(lock);
    events.emit(released(lock));
    const next = acquired('order:43', { holdId: 2 });
    events.emit(next);
    events.emit(released(next));
    expect(spans.getFinishedSpans().map(({ name }) => name)).toContain('advisory_lock.hold order:*');
    expect(await scrape('advisory_lock_hold_duration_count')).toHaveLength(1);
  });
});

describe('with an SDK', () => {
  it('one that is registered while the application starts is found', async () => {
    const parts = eventsWithSpans();
    const { events } = parts;
    const telemetry = telemetryOf(parts);
    await telemetry.onModuleInit();
    expect(events.hasListeners).toBe(false);
    recordSpans();
    await telemetry.onApplicationBootstrap();
    expect(events.hasListeners).toBe(true);
  });

  it('has no listener with `telemetry: false`', async () => {
    recordSpans();
    expect((await started({ telemetry: false })).hasListeners).toBe(false);
  });

  it('has no listener after the application has shut down', async () => {
    recordSpans();
    await recordMetrics();
    const parts = eventsWithSpans();
    const { events } = parts;
    const telemetry = telemetryOf(parts);
    await telemetry.onModuleInit();
    expect(events.hasListeners).toBe(true);
    telemetry.onApplicationShutdown();
    expect(events.hasListeners).toBe(false);
  });

  it('of metrics alone, no body runs in a span', async () => {
    await recordMetrics();
    const events = await started();
    expect(events.hasListeners).toBe(true);
    expect(events.activeAroundBody).toBeUndefined();
  });
});

describe('a span', () => {
  it('of a wait begins as long before the lock was granted as it took', async () => {
    const spans = recordSpans();
    const events = await started();
    const lock = acquired('order:42');
    events.emit(lock);
    events.emit(released(lock));
    const [wait] = spans.getFinishedSpans();
    expect(wait).toMatchObject({ name: 'advisory_lock.wait order:*', duration: [0, 250e6] });
  });

  it('of a body has the error that it throws at once', async () => {
    const spans = recordSpans();
    const events = await started();
    const lock = acquired('import');
    events.emit(lock);
    const body = (): never => {
      throw new Error('no file');
    };
    expect(() => {
      events.activeAroundBody?.run(lock, body);
    }).toThrow('no file');
    events.emit(released(lock));
    expect(spans.getFinishedSpans().at(-1)).toMatchObject({
      name: 'advisory_lock.hold import',
      status: { code: 2, message: 'no file' },
    });
  });

  it('ends when the lock is lost, even if its body continues', async () => {
    const spans = recordSpans();
    const events = await started();
    const lock = acquired('import');
    events.emit(lock);
    const error = new LockLostError({ lockName: 'import', key: '1', reason: 'it is gone', heldMs: 5 });
    const body = (): Promise<never> => {
      events.emit({ ...lock, type: 'lost', heldMs: 5, error });
      return Promise.reject(new Error('too late'));
    };
    await expect(events.activeAroundBody?.run(lock, body)).rejects.toThrow('too late');
    expect(spans.getFinishedSpans().at(-1)).toMatchObject({
      name: 'advisory_lock.hold import',
      status: { code: 2, message: error.message },
      attributes: { 'advisory_lock.outcome': 'lost', 'advisory_lock.hold_ms': 5 },
      events: [{ name: 'exception' }],
    });
  });

  it('of a lock in a transaction of the application covers its wait alone', async () => {
    const spans = recordSpans();
    const events = await started();
    events.emit(acquired('order:42', { scope: 'transaction' }));
    expect(spans.getFinishedSpans()).toHaveLength(1);
  });

  it('is missing for a skipped job outside a trace, and is an event inside one', async () => {
    const spans = recordSpans();
    const events = await started();
    const { at, lockName, mode, scope } = acquired('nightly');
    const busy = { type: 'busy', at, lockName, mode, scope, waitedMs: 0, isAborted: false } as const;
    events.emit(busy);
    expect(spans.getFinishedSpans()).toEqual([]);
    trace.getTracer('test').startActiveSpan('request', (span) => {
      events.emit(busy);
      events.emit({ ...busy, waitedMs: 20 });
      span.end();
    });
    expect(spans.getFinishedSpans()).toMatchObject([
      { name: 'advisory_lock.wait nightly', attributes: { 'advisory_lock.outcome': 'busy' } },
      { name: 'request', events: [{ name: 'advisory_lock.busy' }] },
    ]);
  });
});

/** A run of a job for a tick. */
function ticked(more: Partial<TickEvent> = {}): TickEvent {
  return {
    type: 'tick',
    at: new Date(),
    connection: 'default',
    lockName: 'nightly',
    method: 'Reports.nightly',
    tick: new Date('2027-01-04T03:00:00Z'),
    state: 'began',
    lateMs: 12,
    ...more,
  };
}

describe('the span of a job', () => {
  it('lasts as long as its method where another library has replaced the global Promise', async () => {
    const NativePromise = globalThis.Promise;
    const spans = recordSpans();
    const events = await started();
    let end: () => void = () => undefined;
    const running = new NativePromise<void>((resolve) => (end = resolve));
    globalThis.Promise = class extends NativePromise<unknown> {} as PromiseConstructor;
    try {
      void events.activeAroundBody?.run(ticked(), () => running);
    } finally {
      globalThis.Promise = NativePromise;
    }
    expect(spans.getFinishedSpans()).toEqual([]);
    end();
    await running;
    expect(spans.getFinishedSpans()).toHaveLength(1);
  });

  it('is the parent of what its method does, and says which tick it was for', async () => {
    const spans = recordSpans();
    const events = await started();
    await events.activeAroundBody?.run(ticked(), () => {
      trace.getTracer('shop').startSpan('write the report').end();
      return Promise.resolve();
    });
    const [inner, job] = spans.getFinishedSpans();
    expect(inner?.parentSpanContext?.spanId).toBe(job?.spanContext().spanId);
    expect(job).toMatchObject({
      name: 'advisory_lock.job nightly',
      status: { code: 0 },
      attributes: {
        'advisory_lock.name': 'nightly',
        'advisory_lock.template': 'nightly',
        'advisory_lock.method': 'Reports.nightly',
        'advisory_lock.tick': '2027-01-04T03:00:00.000Z',
        'advisory_lock.late_ms': 12,
        'advisory_lock.trigger': 'schedule',
        'advisory_lock.attempt': 1,
        'advisory_lock.outcome': 'ran',
      },
    });
  });

  it('of each attempt has the error of that attempt', async () => {
    const spans = recordSpans();
    const events = await started();
    const failing = events.activeAroundBody?.run(ticked({ attempt: 2, trigger: 'manual' }), () =>
      Promise.reject(new Error('no paper')),
    );
    await expect(failing).rejects.toThrow('no paper');
    expect(spans.getFinishedSpans()).toMatchObject([
      {
        status: { code: 2, message: 'no paper' },
        events: [{ name: 'exception' }],
        attributes: {
          'advisory_lock.attempt': 2,
          'advisory_lock.trigger': 'manual',
          'advisory_lock.outcome': 'failed',
        },
      },
    ]);
  });
});

describe('metrics', () => {
  it('count the outcomes of requests, jobs and the connection', async () => {
    const scrape = await recordMetrics();
    const events = await started();
    const at = new Date();
    const error = new Error('away');
    const job = { at, lockName: 'nightly', method: 'Reports.nightly' };
    events.emit({ type: 'error', at, lockName: 'order:42', error });
    events.emit({ type: 'error', at, error });
    const gaveUp = {
      lockName: 'import',
      mode: 'shared',
      scope: 'session',
      waitedMs: 5,
      isAborted: true,
    } as const;
    events.emit({ type: 'busy', at, ...gaveUp });
    events.emit({ ...job, type: 'skipped', reason: 'claimed' });
    events.emit({ ...job, type: 'tick', tick: at, state: 'began', lateMs: 0 });
    events.emit({ ...job, type: 'tick', tick: at, state: 'failed', lateMs: 0, durationMs: 10, error });
    expect(await scrape('advisory_lock_requests_total')).toMatchObject([
      { value: 1, labels: { advisory_lock_template: 'order:*', advisory_lock_outcome: 'error' } },
      { value: 1, labels: { advisory_lock_template: 'import', advisory_lock_outcome: 'aborted' } },
    ]);
    expect(await scrape('advisory_lock_connection_errors_total')).toMatchObject([{ value: 1 }]);
    expect(await scrape('advisory_lock_job_skips_total')).toMatchObject([
      { value: 1, labels: { advisory_lock_template: 'nightly', advisory_lock_reason: 'claimed' } },
    ]);
    // What a monitor compares later samples with.
    expect(await scrape('advisory_lock_job_runs_total')).toMatchObject([
      { value: 0, labels: { advisory_lock_template: 'nightly', advisory_lock_outcome: 'ran' } },
      { value: 1, labels: { advisory_lock_template: 'nightly', advisory_lock_outcome: 'failed' } },
    ]);
    expect(await scrape('advisory_lock_job_missed_total')).toMatchObject([{ value: 0 }]);
    expect(await scrape('advisory_lock_job_duration_sum')).toMatchObject([{ value: 0.01 }]);
  });

  it('show the age of the heartbeat, which grows without a connection', async () => {
    const scrape = await recordMetrics();
    let pulse: LockUsage['pulse'] = { heartbeatAgeMs: 2_000 };
    const usage = {
      ...NOTHING_USED,
      get pulse() {
        return pulse;
      },
    };
    await telemetryOf(eventsWithSpans(), {}, usage).onModuleInit();
    const [first] = await scrape('advisory_lock_heartbeat_age');
    expect(first?.value).toBeCloseTo(2);
    pulse = undefined;
    const [second] = await scrape('advisory_lock_heartbeat_age');
    expect(second?.value).toBeGreaterThan(first?.value ?? Infinity);
  });
});
