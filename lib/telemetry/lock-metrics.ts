import type { Attributes, Meter, Observable, ObservableCallback } from '@opentelemetry/api';
import type { AdvisoryLockEvents, LockEvent } from '../core/index.js';
import type { NameTemplates } from './name-templates.js';

/** The buckets go from a round trip to a long job, in seconds. */
const DURATION = {
  unit: 's',
  advice: {
    explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 3_600],
  },
};

interface Labels {
  readonly mode?: string;
  readonly outcome?: string;
  readonly reason?: string;
}

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

/**
 * Turns the events of locks and jobs into metrics. Their labels have few values: a template, never a lock's
 * name.
 */
export class LockMetrics {
  /** The templates of all locks that were held or waited for at any collection. */
  private readonly usedTemplates = new Set<string>();
  /** When the server last responded, by `performance.now()`, as of the latest collection. */
  private respondedAt: number | undefined;
  /** One object for each time series. */
  private readonly attributes = new Map<string, Attributes>();

  constructor(
    private readonly meter: Meter,
    private readonly templates: NameTemplates,
    private readonly usage: LockUsage,
    private readonly common: Attributes,
    private readonly fleet?: FleetUsage,
  ) {}

  /** Returns the function that ends it. */
  listen(events: AdvisoryLockEvents): () => void {
    const stops = [this.count(events), this.observe()];
    return () => {
      for (const stop of stops) stop();
    };
  }

  private count(events: AdvisoryLockEvents): () => void {
    const { meter } = this;
    const requests = meter.createCounter('advisory_lock.requests', {
      description: 'Requests for locks, by outcome.',
      unit: '{request}',
    });
    const waits = meter.createHistogram('advisory_lock.wait.duration', {
      ...DURATION,
      description: 'Time from the request to the lock, or to giving up.',
    });
    const holds = meter.createHistogram('advisory_lock.hold.duration', {
      ...DURATION,
      description: 'Time for which locks were held.',
    });
    const losses = meter.createCounter('advisory_lock.lost', {
      description: 'Locks that were lost while they were held.',
      unit: '{lock}',
    });
    const connectionErrors = meter.createCounter('advisory_lock.connection.errors', {
      description: 'Failures that concern no lock in particular, such as a lock connection that ended.',
      unit: '{error}',
    });
    const runs = meter.createCounter('advisory_lock.job.runs', {
      description: 'Runs of jobs, by outcome.',
      unit: '{run}',
    });
    const skips = meter.createCounter('advisory_lock.job.skips', {
      description: 'Calls of jobs and locked methods that did not run, by reason.',
      unit: '{call}',
    });

    const missed = meter.createCounter('advisory_lock.job.missed', {
      description: 'Ticks of jobs that ran in no instance.',
      unit: '{tick}',
    });

    const record = (event: LockEvent): void => {
      switch (event.type) {
        case 'acquired':
        case 'busy': {
          const outcome = event.type === 'busy' && event.isAborted ? 'aborted' : event.type;
          const attributes = this.attributesOf(event.lockName, { mode: event.mode, outcome });
          requests.add(1, attributes);
          waits.record(event.waitedMs / 1_000, attributes);
          break;
        }
        case 'released':
        case 'lost': {
          const attributes = { mode: event.mode, outcome: event.type };
          holds.record(event.heldMs / 1_000, this.attributesOf(event.lockName, attributes));
          if (event.type === 'lost') losses.add(1, this.attributesOf(event.lockName));
          break;
        }
        case 'error':
          if (event.lockName === undefined) connectionErrors.add(1, this.common);
          else requests.add(1, this.attributesOf(event.lockName, { outcome: 'error' }));
          break;
        case 'tick':
          if (event.state !== 'began')
            runs.add(1, this.attributesOf(event.lockName, { outcome: event.state }));
          break;
        case 'skipped':
          skips.add(1, this.attributesOf(event.lockName, { reason: event.reason }));
          break;
        case 'missed':
          missed.add(1, this.attributesOf(event.lockName));
          break;
        case 'waiting':
      }
    };
    return events.on('*', record);
  }

  /** Gauges are read when metrics are collected, and cost nothing in between. */
  private observe(): () => void {
    const { meter } = this;
    return stopsOf([
      observed(
        meter.createObservableCounter('advisory_lock.fleet.dropped', {
          description:
            'Notifications on the channels of the fleet, and parts of reports, that were not used.',
          unit: '{part}',
        }),
        (result) => {
          if (this.fleet !== undefined) result.observe(this.fleet.droppedCount, this.common);
        },
      ),
      observed(
        meter.createObservableGauge('advisory_lock.held', {
          description: 'Session locks that this process holds.',
          unit: '{lock}',
        }),
        (result) => {
          for (const [template, { holds }] of this.usageByTemplate())
            result.observe(holds, this.attributesOfTemplate(template));
        },
      ),
      observed(
        meter.createObservableGauge('advisory_lock.waiters', {
          description: 'Calls in this process that wait for a session lock.',
          unit: '{call}',
        }),
        (result) => {
          for (const [template, { waiters }] of this.usageByTemplate())
            result.observe(waiters, this.attributesOfTemplate(template));
        },
      ),
      observed(
        meter.createObservableGauge('advisory_lock.connections.open', {
          description: 'Lock connections that are open.',
          unit: '{connection}',
        }),
        (result) => {
          result.observe(this.usage.connectionCounts.open, this.common);
        },
      ),
      observed(
        meter.createObservableGauge('advisory_lock.connections.allowed', {
          description: 'Lock connections that may be open at once.',
          unit: '{connection}',
        }),
        (result) => {
          result.observe(this.usage.connectionCounts.allowed, this.common);
        },
      ),
      observed(
        meter.createObservableGauge('advisory_lock.locks.used', {
          description: 'Session locks that this process holds or requests, claims of ticks included.',
          unit: '{lock}',
        }),
        (result) => {
          result.observe(this.usage.lockCounts.used, this.common);
        },
      ),
      observed(
        meter.createObservableGauge('advisory_lock.locks.allowed', {
          description: 'Session locks that this process may hold at once.',
          unit: '{lock}',
        }),
        (result) => {
          const { allowed } = this.usage.lockCounts;
          if (allowed !== undefined) result.observe(allowed, this.common);
        },
      ),
      observed(
        meter.createObservableGauge('advisory_lock.heartbeat.age', {
          description: 'Time since the server last responded on the lock connection.',
          unit: 's',
        }),
        (result) => {
          const { pulse } = this.usage;
          const now = performance.now();
          // An idle connection sends no heartbeats, so it has no age that says anything.
          if (pulse?.isIdle === true) this.respondedAt = now;
          else if (pulse !== undefined) this.respondedAt = now - pulse.heartbeatAgeMs;
          // It grows while there is no connection: the last value would hide the problem.
          if (this.respondedAt !== undefined) result.observe((now - this.respondedAt) / 1_000, this.common);
        },
      ),
    ]);
  }

  private usageByTemplate(): Map<string, { holds: number; waiters: number }> {
    // The SDK keeps reporting the last value of a series that is no longer observed, so each is observed
    // again.
    const sums = new Map([...this.usedTemplates].map((template) => [template, { holds: 0, waiters: 0 }]));
    for (const { key, holds, waiters } of this.usage.activities) {
      const template = this.templates.of(key.name);
      this.usedTemplates.add(template);
      const sum = sums.get(template) ?? { holds: 0, waiters: 0 };
      sums.set(template, { holds: sum.holds + holds.length, waiters: sum.waiters + waiters.length });
    }
    return sums;
  }

  private attributesOf(lockName: string, { mode = '', outcome = '', reason = '' }: Labels = {}): Attributes {
    const template = this.templates.of(lockName);
    const id = `${mode} ${outcome} ${reason} ${template}`;
    let attributes = this.attributes.get(id);
    if (attributes === undefined) {
      attributes = {
        ...this.attributesOfTemplate(template),
        ...(mode !== '' && { 'advisory_lock.mode': mode }),
        ...(outcome !== '' && { 'advisory_lock.outcome': outcome }),
        ...(reason !== '' && { 'advisory_lock.reason': reason }),
      };
      this.attributes.set(id, attributes);
    }
    return attributes;
  }

  private attributesOfTemplate(template: string): Attributes {
    return { ...this.common, 'advisory_lock.template': template };
  }
}

function observed(instrument: Observable, callback: ObservableCallback): () => void {
  instrument.addCallback(callback);
  return () => {
    instrument.removeCallback(callback);
  };
}

function stopsOf(stops: readonly (() => void)[]): () => void {
  return () => {
    for (const stop of stops) stop();
  };
}
