import type { Meter, Tracer, TracerProvider } from '@opentelemetry/api';

export type OpenTelemetry = typeof import('@opentelemetry/api');

const SCOPE = 'nestjs-advisory-lock';

/** Where the copies of the API keep what is registered. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1');

/**
 * Whether anything is registered with the API, such as an SDK. Until then there is nothing to report to, and
 * to load the API takes some 30 ms. (Measured with 1.10; the symbol is the same from 1.3 on.)
 */
export function isOpenTelemetryUsed(): boolean {
  return REGISTERED in globalThis;
}

/** The API, or `undefined` when the application has not installed it. */
export async function importOpenTelemetry(): Promise<OpenTelemetry | undefined> {
  try {
    return await import('@opentelemetry/api');
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * The global provider. It delegates to the SDK's provider once one is registered. The API marks the class as
 * deprecated, but offers no other.
 */
interface ProxyProvider extends TracerProvider {
  getDelegateTracer(name: string): Tracer | undefined;
}

/** A tracer, when an SDK is registered that records spans. */
export function findTracer({ trace }: OpenTelemetry): Tracer | undefined {
  const provider = trace.getTracerProvider();
  return isProxy(provider) ? provider.getDelegateTracer(SCOPE) : provider.getTracer(SCOPE);
}

/** Recognized by its method, because the global provider may come from another copy of the API. */
function isProxy(provider: TracerProvider): provider is ProxyProvider {
  return 'getDelegateTracer' in provider;
}

/** A meter, when an SDK is registered that records metrics. */
export function findMeter({ metrics, createNoopMeter }: OpenTelemetry): Meter | undefined {
  const meter = metrics.getMeter(SCOPE);
  return meter.constructor === createNoopMeter().constructor ? undefined : meter;
}
