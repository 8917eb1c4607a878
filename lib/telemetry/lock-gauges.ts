import type { Attributes, Meter, Observable, ObservableCallback } from '@opentelemetry/api';
import type { Series } from './series.js';

/** What the gauges read of the engine. */
export interface LockUsage {
  readonly connectionCounts: { readonly open: number; readonly allowed: number };
  readonly lockCounts: { readonly used: number; readonly allowed?: number };
  /** Missing while there is no lock connection. */
  readonly pulse: { readonly heartbeatAgeMs: number; readonly isIdle?: boolean } | undefined;
  readonly activities: Iterable<{
    readonly key: { readonly name: string };
    readonly holds: readonly unknown[];
    readonly waiters: readonly unknown[];
  }>;
}

/** What others sent to the channels of the fleet and was not used. */
export interface FleetUsage {
  readonly droppedCount: number;
}

/** The candidates of this process. */
export interface LeadershipUsage {
  readonly all: Iterable<{ readonly name: string; readonly isLeader: boolean }>;
}

/** What is counted for each series. */
type Counts = Map<Attributes, number>;

/** Reports what there is. It is read when metrics are collected, and costs nothing in between. */
export class LockGauges {
  /** When the server last responded, by `performance.now()`, as of the latest collection. */
  private respondedAt: number | undefined;

  constructor(
    private readonly meter: Meter,
    private readonly series: Series,
    private readonly usage: LockUsage,
    private readonly fleet?: FleetUsage,
    private readonly leaderships?: LeadershipUsage,
  ) {}

  /** Returns the function that ends it. */
  observe(): () => void {
    const stops = [...this.observeNames(), ...this.observeModule()];
    return () => {
      for (const stop of stops) stop();
    };
  }

  private observeNames(): (() => void)[] {
    const { meter, usage, leaderships } = this;
    return [
      this.observeCounts(
        meter.createObservableGauge('advisory_lock.held', {
          description: 'Session locks that this process holds.',
          unit: '{lock}',
        }),
        (count) => {
          for (const { key, holds } of usage.activities) count(key.name, holds.length);
        },
      ),
      this.observeCounts(
        meter.createObservableGauge('advisory_lock.waiters', {
          description: 'Calls in this process that wait for a session lock.',
          unit: '{call}',
        }),
        (count) => {
          for (const { key, waiters } of usage.activities) count(key.name, waiters.length);
        },
      ),
      this.observeCounts(
        meter.createObservableGauge('advisory_lock.candidates', {
          description: 'Campaigns for leaderships of this process, of its leaders too.',
          unit: '{candidate}',
        }),
        (count) => {
          for (const { name } of leaderships?.all ?? []) count(name, 1);
        },
      ),
      this.observeCounts(
        meter.createObservableGauge('advisory_lock.leaders', {
          description: 'Leaderships that this process has.',
          unit: '{leader}',
        }),
        (count) => {
          for (const { name, isLeader } of leaderships?.all ?? []) count(name, isLeader ? 1 : 0);
        },
      ),
    ];
  }

  private observeModule(): (() => void)[] {
    const { meter, usage, fleet, series } = this;
    const { common } = series;
    return [
      observed(
        meter.createObservableCounter('advisory_lock.fleet.dropped', {
          description:
            'Notifications on the channels of the fleet, and parts of reports, that were not used.',
          unit: '{part}',
        }),
        (result) => {
          if (fleet !== undefined) result.observe(fleet.droppedCount, common);
        },
      ),
      observed(
        meter.createObservableGauge('advisory_lock.connections.open', {
          description: 'Lock connections that are open.',
          unit: '{connection}',
        }),
        (result) => {
          result.observe(usage.connectionCounts.open, common);
        },
      ),
      observed(
        meter.createObservableGauge('advisory_lock.connections.allowed', {
          description: 'Lock connections that may be open at once.',
          unit: '{connection}',
        }),
        (result) => {
          result.observe(usage.connectionCounts.allowed, common);
        },
      ),
      observed(
        meter.createObservableGauge('advisory_lock.locks.used', {
          description: 'Session locks that this process holds or requests, claims of ticks included.',
          unit: '{lock}',
        }),
        (result) => {
          result.observe(usage.lockCounts.used, common);
        },
      ),
      observed(
        meter.createObservableGauge('advisory_lock.locks.allowed', {
          description: 'Session locks that this process may hold at once.',
          unit: '{lock}',
        }),
        (result) => {
          const { allowed } = usage.lockCounts;
          if (allowed !== undefined) result.observe(allowed, common);
        },
      ),
      observed(
        meter.createObservableGauge('advisory_lock.heartbeat.age', {
          description: 'Time since the server last responded on the lock connection.',
          unit: 's',
        }),
        (result) => {
          const ageMs = this.heartbeatAgeMs();
          if (ageMs !== undefined) result.observe(ageMs / 1_000, common);
        },
      ),
    ];
  }

  /** Observes a gauge whose series are templates of names. */
  private observeCounts(
    gauge: Observable,
    read: (count: (name: string, count: number) => void) => void,
  ): () => void {
    // The SDK keeps reporting the last value of a series that is no longer observed, so each is observed
    // again.
    const seen = new Set<Attributes>();
    return observed(gauge, (result) => {
      const counts: Counts = new Map([...seen].map((attributes) => [attributes, 0]));
      read((name, count) => {
        const attributes = this.series.of(name);
        seen.add(attributes);
        counts.set(attributes, (counts.get(attributes) ?? 0) + count);
      });
      for (const [attributes, count] of counts) result.observe(count, attributes);
    });
  }

  private heartbeatAgeMs(): number | undefined {
    const { pulse } = this.usage;
    const now = performance.now();
    // An idle connection sends no heartbeats, so it has no age that says anything.
    if (pulse?.isIdle === true) this.respondedAt = now;
    else if (pulse !== undefined) this.respondedAt = now - pulse.heartbeatAgeMs;
    // It grows while there is no connection: the last value would hide the problem.
    return this.respondedAt === undefined ? undefined : now - this.respondedAt;
  }
}

function observed(instrument: Observable, callback: ObservableCallback): () => void {
  instrument.addCallback(callback);
  return () => {
    instrument.removeCallback(callback);
  };
}
