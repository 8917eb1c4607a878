import { context, metrics, type Attributes, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { defer } from './cleanup.js';

/** The spans that a real SDK records, registered for all of the process until the end of the test. */
export function recordSpans(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  defer(async () => {
    trace.disable();
    context.disable();
    await provider.shutdown();
  });
  return exporter;
}

/** One line of what Prometheus reads. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Registers the real SDK with its exporter for Prometheus. Returns a function that
 * scrapes it, and resolves to samples.
 */
export async function recordMetrics(): Promise<(name: string, labels?: Attributes) => Promise<Sample[]>> {
  const scrape = await exportMetrics();
  return async (name, labels = {}) => {
    const wanted = Object.entries(labels);
    return samplesOf(await scrape()).filter(
      (sample) => sample.name === name && wanted.every(([key, value]) => sample.labels[key] === value),
    );
  };
}

/** The same; the function resolves to the text that Prometheus reads. */
export async function exportMetrics(): Promise<() => Promise<string>> {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [exporter] });
  metrics.setGlobalMeterProvider(provider);
  // The exporter's own server takes no port 0.
  const server = createServer((request, response) => {
    exporter.getMetricsRequestHandler(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  defer(async () => {
    metrics.disable();
    await provider.shutdown();
    server.close();
    server.closeAllConnections();
  });
  return async () => (await fetch(urlOf(server))).text();
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
}

/** The samples in the text that Prometheus reads. */
export function samplesOf(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]);
    return [{ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) }];
  });
}
