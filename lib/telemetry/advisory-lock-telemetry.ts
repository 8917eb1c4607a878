import type { OnApplicationBootstrap, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { Attributes } from '@opentelemetry/api';
import { type AdvisoryLockEvents, LockConfigurationError } from '../core/index.js';
import type { BodySpans } from './body-spans.js';
import { type FleetUsage, LockMetrics, type LockUsage } from './lock-metrics.js';
import { LockSpans } from './lock-spans.js';
import type { NameTemplates } from './name-templates.js';
import { findMeter, findTracer, importOpenTelemetry, type OpenTelemetry } from './open-telemetry.js';

export interface TelemetryOptions {
  readonly telemetry?: boolean | 'auto' | undefined;
  /** Attributes that distinguish the spans and metrics of this module from those of others. */
  readonly common?: Attributes;
}

/** Reports the locks of one configured module to OpenTelemetry, when an SDK is registered. */
export class AdvisoryLockTelemetry implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  private api: OpenTelemetry | undefined;
  private readonly stops: (() => void)[] = [];
  private isTracing = false;
  private isMetering = false;

  constructor(
    private readonly events: AdvisoryLockEvents,
    private readonly bodySpans: BodySpans,
    private readonly usage: LockUsage,
    private readonly templates: NameTemplates,
    private readonly options: TelemetryOptions = {},
    private readonly fleet?: FleetUsage,
  ) {}

  async onModuleInit(): Promise<void> {
    const { telemetry = 'auto' } = this.options;
    if (telemetry === false) return;
    this.api = await importOpenTelemetry();
    if (this.api === undefined && telemetry === true) {
      throw new LockConfigurationError(
        'The option `telemetry: true` of AdvisoryLockModule needs the package `@opentelemetry/api`, ' +
          'which cannot be imported. Install it: npm install @opentelemetry/api',
      );
    }
    this.attach();
  }

  /** A provider of the application may have registered an SDK since `onModuleInit`. */
  onApplicationBootstrap(): void {
    this.attach();
    if (this.options.telemetry === true && !this.isComplete) this.attachLater();
  }

  /** Runs after the locks have been released, which happens in `beforeApplicationShutdown`. */
  onApplicationShutdown(): void {
    for (const stop of this.stops.splice(0)) stop();
  }

  private get isComplete(): boolean {
    return this.isTracing && this.isMetering;
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
    const meter = this.isMetering ? undefined : findMeter(this.api);
    if (meter !== undefined) {
      this.isMetering = true;
      this.stops.push(
        new LockMetrics(meter, this.templates, this.usage, common, this.fleet).listen(this.events),
      );
    }
  }
}
