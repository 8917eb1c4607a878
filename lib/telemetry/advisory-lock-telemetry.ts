import type { OnApplicationBootstrap, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { Attributes } from '@opentelemetry/api';
import { type AdvisoryLockEvents, LockConfigurationError } from '../core/index.js';
import type { BodySpans } from './body-spans.js';
import { type FleetUsage, type LeadershipUsage, LockGauges, type LockUsage } from './lock-gauges.js';
import { type LeaseUsage, LockMetrics } from './lock-metrics.js';
import { LockSpans } from './lock-spans.js';
import type { NameTemplates } from './name-templates.js';
import {
  findMeter,
  findTracer,
  importOpenTelemetry,
  isOpenTelemetryUsed,
  type OpenTelemetry,
} from './open-telemetry.js';
import { Series } from './series.js';

export interface TelemetryOptions {
  readonly telemetry?: boolean | 'auto' | undefined;
  /** Attributes that distinguish the spans and metrics of this module from those of others. */
  readonly common?: Attributes;
}

/** What metrics read of the features of the module. */
export interface FeatureUsage {
  readonly fleet?: FleetUsage;
  readonly leaderships?: LeadershipUsage;
  readonly leases?: LeaseUsage;
  /** The locks of the jobs of this instance. */
  readonly jobs?: { readonly lockNames: Iterable<string> };
}

/** Reports the locks of one configured module to OpenTelemetry, when an SDK is registered. */
export class AdvisoryLockTelemetry implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  private api: OpenTelemetry | undefined;
  private readonly stops: (() => void)[] = [];
  private isTracing = false;
  private metrics: LockMetrics | undefined;

  constructor(
    private readonly events: AdvisoryLockEvents,
    private readonly bodySpans: BodySpans,
    private readonly usage: LockUsage,
    private readonly templates: NameTemplates,
    private readonly options: TelemetryOptions = {},
    private readonly features: FeatureUsage = {},
  ) {}

  async onModuleInit(): Promise<void> {
    await this.load();
    this.attach();
  }

  /** A provider of the application may have registered an SDK since `onModuleInit`. */
  async onApplicationBootstrap(): Promise<void> {
    await this.load();
    this.attach();
    this.beginJobs();
    if (this.options.telemetry === true && !this.isComplete) this.attachLater();
  }

  /** Runs after the locks have been released, which happens in `beforeApplicationShutdown`. */
  onApplicationShutdown(): void {
    for (const stop of this.stops.splice(0)) stop();
  }

  private async load(): Promise<void> {
    const { telemetry = 'auto' } = this.options;
    if (telemetry === false || (telemetry === 'auto' && !isOpenTelemetryUsed())) return;
    this.api ??= await importOpenTelemetry();
    if (this.api === undefined && telemetry === true) {
      throw new LockConfigurationError(
        'The option `telemetry: true` of AdvisoryLockModule needs the package `@opentelemetry/api`, ' +
          'which cannot be imported. Install it: npm install @opentelemetry/api',
      );
    }
  }

  private get isComplete(): boolean {
    return this.isTracing && this.metrics !== undefined;
  }

  /** Tries again at each event, until the SDK provides both a tracer and a meter. */
  private attachLater(): void {
    const stop = this.events.on('*', () => {
      this.attach();
      if (this.isComplete) stop();
    });
    this.stops.push(stop);
  }

  private attach(): void {
    if (this.api === undefined) return;
    const { common = {} } = this.options;
    const tracer = this.isTracing ? undefined : findTracer(this.api);
    if (tracer !== undefined) {
      this.isTracing = true;
      this.stops.push(
        new LockSpans(this.api, tracer, this.templates, common).listen(this.events, this.bodySpans),
      );
    }
    const meter = this.metrics === undefined ? findMeter(this.api) : undefined;
    if (meter !== undefined) {
      const { fleet, leaderships, leases } = this.features;
      const series = new Series(this.templates, common);
      this.metrics = new LockMetrics(meter, series, leases);
      this.stops.push(
        this.metrics.listen(this.events),
        new LockGauges(meter, series, this.usage, fleet, leaderships).observe(),
      );
      this.beginJobs();
    }
  }

  private beginJobs(): void {
    for (const lockName of this.features.jobs?.lockNames ?? []) this.metrics?.beginJob(lockName);
  }
}
