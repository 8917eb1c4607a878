import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { trace } from '@opentelemetry/api';
import type { InMemorySpanExporter, ReadableSpan } from '@opentelemetry/sdk-trace';
import { ScheduleModule } from '@nestjs/schedule';
import {
  ADVISORY_LEASE_SQL,
  ADVISORY_LOCK_JOB_PAUSE_SQL,
  AdvisoryLockEvents,
  AdvisoryLockJobs,
  AdvisoryLockModule,
  AdvisoryLockService,
  ExclusiveCron,
  getAdvisoryLockToken,
  type LockEvent,
  WithAdvisoryLock,
} from 'nestjs-advisory-lock';
import { defer } from '../support/cleanup.js';
import { exportMetrics, recordMetrics, recordSpans, samplesOf } from '../support/telemetry-sdk.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { lockedApp, postgres, start, type StartedApp } from './support/applications.js';
import { lockInOtherSession, unlockInOtherSession } from './support/advisory-locks.js';
import { Gate } from './support/gate.js';
import {
  alertExpressions,
  dashboardExpressions,
  metricsIn,
  problemsOf,
} from './support/monitor-expressions.js';
import { blockEventLoop } from '../support/block-event-loop.js';

const database = useTestDatabase();

@Injectable()
class Orders {
  @WithAdvisoryLock<[id: number]>((id) => `order:${id}`)
  pay(id: number): Promise<number> {
    trace.getTracer('shop').startSpan('charge the card').end();
    return Promise.resolve(id);
  }

  @ExclusiveCron('0 0 1 1 *', { lock: 'export-2024' })
  export(): Promise<void> {
    trace.getTracer('shop').startSpan('write the file').end();
    return Promise.resolve();
  }
}

const shop = () => lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [Orders] });

function spanNamed(spans: InMemorySpanExporter, name: string): ReadableSpan {
  const [span, ...others] = spans.getFinishedSpans().filter((finished) => finished.name === name);
  if (span === undefined || others.length > 0) {
    throw new Error(`Not one span "${name}": ${String(spans.getFinishedSpans().map((each) => each.name))}`);
  }
  return span;
}

describe('without an SDK', () => {
  it('there is no listener, although the API is installed', async () => {
    const { app } = await start(shop());
    expect(app.get(AdvisoryLockEvents).hasListeners).toBe(false);
  });
});

describe('spans', () => {
  it('of the body are children of that of the lock, which is a child of that of the caller', async () => {
    const spans = recordSpans();
    const { app } = await start(shop());
    await trace.getTracer('shop').startActiveSpan('request', async (request) => {
      await app.get(Orders).pay(42);
      request.end();
    });
    const request = spanNamed(spans, 'request').spanContext();
    const hold = spanNamed(spans, 'advisory_lock.hold order:*');
    expect(spanNamed(spans, 'advisory_lock.wait order:*').parentSpanContext?.spanId).toBe(request.spanId);
    expect(hold.parentSpanContext?.spanId).toBe(request.spanId);
    expect(spanNamed(spans, 'charge the card').parentSpanContext?.spanId).toBe(hold.spanContext().spanId);
    expect(hold).toMatchObject({
      status: { code: 0 },
      attributes: {
        'advisory_lock.name': 'order:42',
        'advisory_lock.template': 'order:*',
        'advisory_lock.mode': 'exclusive',
        'advisory_lock.scope': 'session',
        'advisory_lock.outcome': 'released',
        'advisory_lock.wait_ms': expect.any(Number),
        'advisory_lock.hold_ms': expect.any(Number),
      },
    });
  });

  it('of a wait lasts while another session holds the lock', async () => {
    const spans = recordSpans();
    const { app } = await start(shop());
    await lockInOtherSession(database, 'import');
    const locks = app.get(AdvisoryLockService);
    const waiting = new Promise((resolve) => app.get(AdvisoryLockEvents).on('waiting', resolve));
    const held = locks.acquire('import', { waitMs: 30_000 });
    await waiting;
    const releasedAtMs = Date.now();
    await unlockInOtherSession(database, 'import');
    await (await held).release();
    const { endTime, attributes } = spanNamed(spans, 'advisory_lock.wait import');
    expect(attributes['advisory_lock.outcome']).toBe('acquired');
    expect(endTime[0] * 1_000 + endTime[1] / 1e6).toBeGreaterThanOrEqual(releasedAtMs);
  });

  it('have the error of a body that throws', async () => {
    const spans = recordSpans();
    const { app } = await start(shop());
    const locks = app.get(AdvisoryLockService);
    const failing = locks.withLock('import', () => Promise.reject(new Error('no file')));
    await expect(failing).rejects.toThrow('no file');
    expect(spanNamed(spans, 'advisory_lock.hold import')).toMatchObject({
      status: { code: 2, message: 'no file' },
      events: [{ name: 'exception' }],
      attributes: { 'advisory_lock.outcome': 'released' },
    });
  });

  it('of a lock that is lost end with the loss, and record it', async () => {
    const spans = recordSpans();
    const scrape = await recordMetrics();
    const { app } = await start(shop());
    await lose(app, () => {
      expect(spanNamed(spans, 'advisory_lock.hold import')).toMatchObject({
        status: { code: 2 },
        events: [
          { name: 'exception', attributes: { 'exception.type': expect.stringContaining('LOCK_LOST') } },
        ],
        attributes: { 'advisory_lock.outcome': 'lost' },
      });
    });
    expect(await scrape('advisory_lock_lost_total')).toMatchObject([
      { value: 1, labels: { advisory_lock_template: 'import' } },
    ]);
  });

  it('of a job are children of the hold of its lock, and parents of what it does', async () => {
    const spans = recordSpans();
    const { app } = await start(shop());
    await app.get(AdvisoryLockJobs).runNow('export-2024');
    const job = spanNamed(spans, 'advisory_lock.job export-2024');
    const hold = spanNamed(spans, 'advisory_lock.hold export-2024').spanContext();
    expect(job.parentSpanContext?.spanId).toBe(hold.spanId);
    expect(spanNamed(spans, 'write the file').parentSpanContext?.spanId).toBe(job.spanContext().spanId);
    expect(job.attributes).toMatchObject({
      'advisory_lock.method': 'Orders.export',
      'advisory_lock.trigger': 'manual',
      'advisory_lock.outcome': 'ran',
    });
  });

  it('of a lock of a transaction last until its commit', async () => {
    const spans = recordSpans();
    const { app } = await start(shop());
    await app.get(AdvisoryLockService).withTransactionLock('order:42', async (manager) => {
      trace.getTracer('shop').startSpan('charge the card').end();
      await manager.query('SELECT 1');
    });
    const hold = spanNamed(spans, 'advisory_lock.hold order:*');
    expect(hold.attributes).toMatchObject({ 'advisory_lock.scope': 'transaction' });
    expect(spanNamed(spans, 'charge the card').parentSpanContext?.spanId).toBe(hold.spanContext().spanId);
  });
});

describe('what Prometheus scrapes', () => {
  it('is one series for a thousand orders', async () => {
    const scrape = await recordMetrics();
    const { app } = await start(shop());
    const orders = app.get(Orders);
    await Promise.all(Array.from({ length: 1_000 }, (_, id) => orders.pay(id)));
    const labels = { advisory_lock_template: 'order:*', advisory_lock_mode: 'exclusive' };
    const acquired = { ...labels, advisory_lock_outcome: 'acquired' };
    expect(await scrape('advisory_lock_requests_total')).toMatchObject([{ value: 1_000, labels: acquired }]);
    expect(await scrape('advisory_lock_wait_duration_count')).toMatchObject([{ value: 1_000 }]);
    expect(await scrape('advisory_lock_hold_duration_count')).toMatchObject([
      { value: 1_000, labels: { ...labels, advisory_lock_outcome: 'released' } },
    ]);
  });

  it('count holders, waiters and connections while they exist', async () => {
    const scrape = await recordMetrics();
    const { app } = await start(shop());
    const locks = app.get(AdvisoryLockService);
    const first = await locks.acquire('order:1');
    const second = await locks.acquire('order:2');
    defer(() => Promise.all([first.release(), second.release()]));
    const waiting = locks.acquire('order:1', { waitMs: 30_000 });
    const orders = { labels: { advisory_lock_template: 'order:*' } };
    expect(await scrape('advisory_lock_held')).toMatchObject([{ value: 2, ...orders }]);
    expect(await scrape('advisory_lock_waiters')).toMatchObject([{ value: 1, ...orders }]);
    expect(await scrape('advisory_lock_connections_open')).toMatchObject([{ value: 1 }]);
    expect(await scrape('advisory_lock_connections_allowed')).toMatchObject([{ value: 4 }]);
    expect(await scrape('advisory_lock_locks_allowed')).toMatchObject([
      { value: expect.any(Number) as unknown },
    ]);
    expect(await scrape('advisory_lock_heartbeat_age')).toHaveLength(1);
    await first.release();
    await (await waiting).release();
    await second.release();
    expect(await scrape('advisory_lock_held')).toMatchObject([{ value: 0, ...orders }]);
    expect(await scrape('advisory_lock_waiters')).toMatchObject([{ value: 0, ...orders }]);
  });

  it('has the name of a job as it is written', async () => {
    const scrape = await recordMetrics();
    const { app } = await start(shop());
    await app.get(Orders).export();
    expect(await scrape('advisory_lock_requests_total')).toMatchObject([
      { value: 1, labels: { advisory_lock_template: 'export-2024', advisory_lock_outcome: 'acquired' } },
    ]);
  });

  it('distinguishes busy locks from others', async () => {
    const scrape = await recordMetrics();
    const { app } = await start(shop());
    await lockInOtherSession(database, 'order:42');
    await expect(app.get(Orders).pay(42)).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    expect(await scrape('advisory_lock_requests_total')).toMatchObject([
      { value: 1, labels: { advisory_lock_template: 'order:*', advisory_lock_outcome: 'busy' } },
    ]);
  });

  it('count what the fleet did not use', async () => {
    const scrape = await recordMetrics();
    const { app } = await start(shop());
    const dropped = () => scrape('advisory_lock_fleet_dropped_total');
    await app.get(AdvisoryLockService).withLock('import', () => undefined);
    expect(await dropped()).toMatchObject([{ value: 0 }]);
    await database.query("NOTIFY nestjs_advisory_lock, 'that is no question'");
    await until(async () => (await dropped())[0]?.value === 1, 'it is counted');
  });

  it('distinguishes modules with a name', async () => {
    const scrape = await recordMetrics();
    const { app } = await start({
      imports: [
        postgres(database),
        AdvisoryLockModule.forRoot(),
        AdvisoryLockModule.forRoot({ name: 'archive', namespace: 'archive' }),
      ],
    });
    const archive = app.get<AdvisoryLockService>(getAdvisoryLockToken('archive'));
    await archive.withLock('import', () => undefined);
    await app.get(AdvisoryLockService).withLock('import', () => undefined);
    const requests = await scrape('advisory_lock_requests_total');
    expect(requests.map(({ labels }) => labels.advisory_lock_connection)).toEqual(['archive', undefined]);
  });
});

/** Jobs of each second, with each outcome. */
@Injectable()
class Jobs {
  @ExclusiveCron('* * * * * *', { claimMs: 1_000 })
  async good(): Promise<void> {}

  @ExclusiveCron('* * * * * *')
  bad(): Promise<void> {
    return Promise.reject(new Error('no paper'));
  }

  @ExclusiveCron('* * * * * *')
  async paused(): Promise<void> {}

  @ExclusiveCron('* * * * * *', { claimMs: 1_000, leader: 'desk' })
  async led(): Promise<void> {}
}

describe('the dashboard and the alerts', () => {
  it('use what a running application exports, and the dashboard all metrics', async () => {
    await database.query(`${ADVISORY_LOCK_JOB_PAUSE_SQL}; ${ADVISORY_LEASE_SQL}`);
    defer(() => database.query('DROP TABLE advisory_lock_job_pause, advisory_lease'));
    // No instance leads, and a tick of the leader's job runs nowhere.
    await lockInOtherSession(database, 'desk');
    const scrape = await exportMetrics();
    const { app } = await start(
      lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [Jobs] }),
    );
    const locks = app.get(AdvisoryLockService);
    await app.get(AdvisoryLockJobs).pause('Jobs.paused');
    const begun = samplesOf(await scrape()).filter(({ name }) => name === 'advisory_lock_job_missed_total');
    expect(begun.map(({ labels }) => labels.advisory_lock_template).sort()).toEqual([
      'Jobs.bad',
      'Jobs.good',
      'Jobs.led',
      'Jobs.paused',
    ]);

    const seen: LockEvent[] = [];
    app.get(AdvisoryLockEvents).on('*', (event) => seen.push(event));
    const leaseLost = loseLease(locks);
    await deadlock(locks);
    const outcomes = () =>
      new Set(
        seen.flatMap((event) => {
          if (event.type === 'tick') return [`${event.method} ${event.state}`];
          if (event.type === 'skipped') return [`${event.method} ${event.reason}`, event.reason];
          return event.type === 'missed' ? [`${event.method} missed`] : [];
        }),
      );
    const wanted = ['Jobs.good ran', 'Jobs.bad failed', 'Jobs.paused paused', 'Jobs.led missed'];
    await until(() => wanted.every((outcome) => outcomes().has(outcome)), 'each outcome', 30_000);
    await until(
      () => {
        if (!outcomes().has('too-late')) blockUntilTicksAreLate();
        return outcomes().has('too-late');
      },
      'a tick that is too late',
      30_000,
    );
    await unlockInOtherSession(database, 'desk');
    await until(() => outcomes().has('Jobs.led ran'), 'a leader', 20_000);
    await leaseLost;
    await lose(app);

    const exported = await scrape();
    const ofDashboard = await dashboardExpressions();
    const expressions = [...ofDashboard, ...(await alertExpressions())];
    expect(expressions.length).toBeGreaterThan(40);
    expect(expressions.flatMap((expression) => problemsOf(expression, exported))).toEqual([]);
    const families = [...exported.matchAll(/^# TYPE (advisory_lock_\w+)/gm)].map(([, family = '']) => family);
    const used = ofDashboard.flatMap(({ expr }) => metricsIn(expr));
    expect(families.filter((family) => !used.some((metric) => metric.startsWith(family)))).toEqual([]);
    const totalOf = (metric: string) =>
      samplesOf(exported).reduce((sum, { name, value }) => (name === metric ? sum + value : sum), 0);
    expect(totalOf('advisory_lock_deadlocks_total')).toBe(1);
    expect(totalOf('advisory_lock_lease_lost_total')).toBe(1);
    expect(totalOf('advisory_lock_job_missed_total')).toBeGreaterThan(0);
    expect(totalOf('advisory_lock_connection_errors_total')).toBeGreaterThan(0);
    expect(totalOf('advisory_lock_candidates')).toBe(1);
  });

  it('are found wrong with a name, a label, a value or a function that does not fit', () => {
    const exported = [
      '# TYPE advisory_lock_lost_total counter',
      'advisory_lock_lost_total{advisory_lock_template="import"} 1',
      '# TYPE advisory_lock_held gauge',
      'advisory_lock_held{advisory_lock_template="import"} 1',
    ].join('\n');
    const problemsIn = (expr: string, shown: string[] = []) =>
      problemsOf({ where: 'it', expr, shown }, exported);
    expect(
      problemsIn('sum by (advisory_lock_template) (increase(advisory_lock_lost_total[1h])) > 0'),
    ).toEqual([]);
    expect(problemsIn('increase(advisory_lock_losses_total[1h])')).toContain(
      'it: advisory_lock_losses_total is not exported',
    );
    expect(problemsIn('advisory_lock_lost_total')).toEqual(['it: advisory_lock_lost_total is a counter']);
    expect(problemsIn('rate(advisory_lock_held[1h])')).toEqual(['it: advisory_lock_held is a gauge']);
    expect(problemsIn('advisory_lock_held{advisory_lock_template="export"}')).toEqual([
      'it: advisory_lock_held has no advisory_lock_template="export"',
    ]);
    expect(problemsIn('sum by (advisory_lock_mode) (advisory_lock_held)', ['instance'])).toEqual([
      'it: has no instance to show',
      'it: advisory_lock_held has no label advisory_lock_mode',
    ]);
    expect(problemsIn('histogram_quantile(0.9, sum by (le) (advisory_lock_held))')).toEqual([
      'it: has no buckets for its quantile',
    ]);
  });
});

/** Blocks the event loop for one to two seconds, until the last tick of each second is 0.75 s ago. */
function blockUntilTicksAreLate(): void {
  blockEventLoop(2_750 - (Date.now() % 1_000));
}

/** Two calls wait crosswise, and one of them rejects. */
async function deadlock(locks: AdvisoryLockService): Promise<void> {
  const gates = [new Gate(), new Gate()] as const;
  const nested = (outer: string, inner: string, own: Gate, other: Gate) =>
    locks.withLock(outer, async () => {
      own.open();
      await other.pass();
      await locks.withLock(inner, () => undefined, { waitMs: 20_000 });
    });
  const calls = await Promise.allSettled([
    nested('left', 'right', gates[0], gates[1]),
    nested('right', 'left', gates[1], gates[0]),
  ]);
  expect(calls.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
}

/** Lets the time of a lease pass. */
async function loseLease(locks: AdvisoryLockService): Promise<void> {
  const { signal } = await locks.lease('doc:42', { ttlMs: 3_000 });
  await new Promise((resolve) => {
    signal.addEventListener('abort', resolve, { once: true });
    if (signal.aborted) resolve(undefined);
  });
}

/** The connection of a lock ends while it is held. */
async function lose(app: StartedApp['app'], onLost: () => void = () => undefined): Promise<void> {
  const gate = new Gate();
  const losing = app.get(AdvisoryLockService).withLock('import', () => gate.pass());
  await gate.reached;
  const lost = new Promise((resolve) => app.get(AdvisoryLockEvents).on('lost', resolve));
  await terminateHolders(database);
  await lost;
  onLost();
  gate.open();
  await expect(losing).rejects.toMatchObject({ code: 'LOCK_LOST' });
}
