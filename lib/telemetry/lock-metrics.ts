import type { Attributes, Counter, Meter } from '@opentelemetry/api';
import {
  type AdvisoryLockEvents,
  type ErrorEvent,
  LockDeadlockError,
  type LockEvent,
} from '../core/index.js';
import type { Series } from './series.js';

/** The buckets go from a round trip to a long job, in seconds. */
const DURATION = {
  unit: 's',
  advice: {
    explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 3_600],
  },
};

/** Calls the listener with what becomes of requests for leases, and of leases, until the result is called. */
export interface LeaseUsage {
  onOutcome(listener: (name: string, outcome: 'acquired' | 'busy' | 'lost') => void): () => void;
}

/**
 * Turns the events of locks and jobs into metrics.
 *
 * Prometheus sees how much a counter has grown since an earlier sample, so that the first loss of a lock
 * would go unseen if its series began with it. Counters of rare events begin with 0, when the name is first
 * used.
 */
export class LockMetrics {
  private readonly requests;
  private readonly waits;
  private readonly holds;
  private readonly losses;
  private readonly deadlocks;
  private readonly connectionErrors;
  private readonly runs;
  private readonly durations;
  private readonly skips;
  private readonly missed;
  private readonly leaseRequests;
  private readonly leaseLosses;
  /** One series of each request whose counters of rare events have begun. */
  private readonly begun = new Set<Attributes>();

  constructor(
    meter: Meter,
    private readonly series: Series,
    private readonly leases?: LeaseUsage,
  ) {
    this.requests = meter.createCounter('advisory_lock.requests', {
      description: 'Requests for locks, by outcome.',
      unit: '{request}',
    });
    this.waits = meter.createHistogram('advisory_lock.wait.duration', {
      ...DURATION,
      description: 'Time from the request to the lock, or to giving up.',
    });
    this.holds = meter.createHistogram('advisory_lock.hold.duration', {
      ...DURATION,
      description: 'Time for which locks were held.',
    });
    this.losses = meter.createCounter('advisory_lock.lost', {
      description: 'Locks that were lost while they were held.',
      unit: '{lock}',
    });
    this.deadlocks = meter.createCounter('advisory_lock.deadlocks', {
      description: 'Requests for locks that were refused, as the wait would have been a deadlock.',
      unit: '{request}',
    });
    this.connectionErrors = meter.createCounter('advisory_lock.connection.errors', {
      description: 'Failures that concern no lock in particular, such as a lock connection that ended.',
      unit: '{error}',
    });
    this.runs = meter.createCounter('advisory_lock.job.runs', {
      description: 'Runs of jobs, by outcome.',
      unit: '{run}',
    });
    this.durations = meter.createHistogram('advisory_lock.job.duration', {
      ...DURATION,
      description: 'Time that runs of jobs took.',
    });
    this.skips = meter.createCounter('advisory_lock.job.skips', {
      description: 'Calls of jobs and locked methods that did not run, by reason.',
      unit: '{call}',
    });
    this.missed = meter.createCounter('advisory_lock.job.missed', {
      description: 'Ticks of jobs that ran in no instance.',
      unit: '{tick}',
    });
    this.leaseRequests = meter.createCounter('advisory_lock.lease.requests', {
      description: 'Requests for leases, by outcome.',
      unit: '{request}',
    });
    this.leaseLosses = meter.createCounter('advisory_lock.lease.lost', {
      description: 'Leases whose handle has noticed that they were lost.',
      unit: '{lease}',
    });
  }

  /** Returns the function that ends it. */
  listen(events: AdvisoryLockEvents): () => void {
    this.connectionErrors.add(0, this.series.common);
    const stops = [
      events.on('*', (event) => {
        this.record(event);
      }),
    ];
    if (this.leases !== undefined) {
      stops.push(
        this.leases.onOutcome((name, outcome) => {
          this.recordLease(name, outcome);
        }),
      );
    }
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** The job with the lock of that name exists. */
  beginJob(lockName: string): void {
    const ran = this.series.of(lockName, { outcome: 'ran' });
    if (this.hasBegun(ran)) return;
    this.runs.add(0, ran);
    this.runs.add(0, this.series.of(lockName, { outcome: 'failed' }));
    this.missed.add(0, this.series.of(lockName));
  }

  private record(event: LockEvent): void {
    const { series } = this;
    switch (event.type) {
      case 'acquired':
      case 'busy': {
        const outcome = event.type === 'busy' && event.isAborted ? 'aborted' : event.type;
        const attributes = series.of(event.lockName, { mode: event.mode, outcome });
        this.requests.add(1, attributes);
        this.waits.record(event.waitedMs / 1_000, attributes);
        if (!this.hasBegun(attributes)) this.begin(event.lockName, this.losses, this.deadlocks);
        break;
      }
      case 'released':
      case 'lost': {
        const attributes = { mode: event.mode, outcome: event.type };
        this.holds.record(event.heldMs / 1_000, series.of(event.lockName, attributes));
        if (event.type === 'lost') this.losses.add(1, series.of(event.lockName));
        break;
      }
      case 'error':
        this.recordError(event);
        break;
      case 'tick':
        if (event.state === 'began') {
          this.beginJob(event.lockName);
        } else {
          const attributes = series.of(event.lockName, { outcome: event.state });
          this.runs.add(1, attributes);
          if (event.durationMs !== undefined) this.durations.record(event.durationMs / 1_000, attributes);
        }
        break;
      case 'skipped':
        this.skips.add(1, series.of(event.lockName, { reason: event.reason }));
        break;
      case 'missed':
        this.missed.add(1, series.of(event.lockName));
        break;
      case 'waiting':
    }
  }

  private recordError({ lockName, error }: ErrorEvent): void {
    if (lockName === undefined) {
      this.connectionErrors.add(1, this.series.common);
      return;
    }
    this.requests.add(1, this.series.of(lockName, { outcome: 'error' }));
    if (error instanceof LockDeadlockError) this.deadlocks.add(1, this.series.of(lockName));
  }

  private recordLease(name: string, outcome: 'acquired' | 'busy' | 'lost'): void {
    if (outcome === 'lost') {
      this.leaseLosses.add(1, this.series.of(name));
      return;
    }
    const attributes = this.series.of(name, { outcome });
    this.leaseRequests.add(1, attributes);
    if (!this.hasBegun(attributes)) this.begin(name, this.leaseLosses);
  }

  private begin(name: string, ...counters: readonly Counter[]): void {
    for (const counter of counters) counter.add(0, this.series.of(name));
  }

  private hasBegun(attributes: Attributes): boolean {
    if (this.begun.has(attributes)) return true;
    this.begun.add(attributes);
    return false;
  }
}
