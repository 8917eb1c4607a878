import type { Meter, Tracer, TracerProvider } from '@opentelemetry/api';

export type OpenTelemetry = typeof import('@opentelemetry/api');

const SCOPE = 'nestjs-advisory-lock';

/** The API, or `undefined` when the application does not have it. */
export async function importOpenTelemetry(): Promise<OpenTelemetry | undefined> {
  try {
    return await import('@opentelemetry/api');
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** The global provider until an SDK is registered, and a door to the SDK's afterwards. The API calls the class deprecated, but has no other. */
interface ProxyProvider extends TracerProvider {
  getDelegateTracer(name: string): Tracer | undefined;
}

/** A tracer, when an SDK is there to record spans. */
export function findTracer({ trace }: OpenTelemetry): Tracer | undefined {
  const provider = trace.getTracerProvider();
  return isProxy(provider) ? provider.getDelegateTracer(SCOPE) : provider.getTracer(SCOPE);
}

/** By its method, as the global provider may come from another copy of the API. */
function isProxy(provider: TracerProvider): provider is ProxyProvider {
  return 'getDelegateTracer' in provider;
}

/** A meter, when an SDK is there to record metrics. */
export function findMeter({ metrics, createNoopMeter }: OpenTelemetry): Meter | undefined {
  const meter = metrics.getMeter(SCOPE);
  return meter.constructor === createNoopMeter().constructor ? undefined : meter;
}
