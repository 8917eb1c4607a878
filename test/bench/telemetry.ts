import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, InMemorySpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import { startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';

// What events and metrics of locks cost: `node --import ./scripts/typescript.mjs test/bench/telemetry.ts`,
// after `npm run build`. BEFORE may name another build of the library to compare with. CPU time, as the
// database and other programs share the processors.

const ROUNDS = 15;
const LOCKS_A_ROUND = 4_000;
const AT_ONCE = 64;

type Library = typeof import('../../lib/index.js');
interface Candidate {
  readonly name: string;
  readonly withLock: (name: string, body: () => Promise<void>) => Promise<void>;
  readonly close: () => Promise<void>;
  readonly cpuMicroseconds: number[];
}

async function candidate(name: string, url: string, folder: string, options: object): Promise<Candidate> {
  const { AdvisoryLockEvents, AdvisoryLockModule, AdvisoryLockService } = (await import(
    `${folder}/dist/esm/index.js`
  )) as Library;
  const app = await NestFactory.createApplicationContext(
    {
      module: class AppModule {
        readonly candidate = name;
      },
      imports: [TypeOrmModule.forRoot({ type: 'postgres', url }), AdvisoryLockModule.forRoot(options)],
    },
    { logger: false },
  );
  if (name === 'a listener') app.get(AdvisoryLockEvents).on('*', () => undefined);
  const locks = app.get(AdvisoryLockService);
  return {
    name,
    withLock: (lockName, body) => locks.withLock(lockName, body),
    close: () => app.close(),
    cpuMicroseconds: [],
  };
}

let lastKey = 0;
const body = (): Promise<void> => Promise.resolve();

async function round({ withLock, cpuMicroseconds }: Candidate): Promise<void> {
  const start = process.cpuUsage();
  let left = LOCKS_A_ROUND;
  const caller = async (): Promise<void> => {
    while (left-- > 0) await withLock(`order:${++lastKey}`, body);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  const { user, system } = process.cpuUsage(start);
  cpuMicroseconds.push((user + system) / LOCKS_A_ROUND);
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

const server = await startEmbeddedPostgres({ postgresFlags: [] });
const here = new URL('../..', import.meta.url).pathname;
const candidates: Candidate[] = [];
if (process.env.BEFORE !== undefined)
  candidates.push(await candidate('another build', server.url, process.env.BEFORE, {}));
candidates.push(await candidate('no listener', server.url, here, {}));
candidates.push(await candidate('a listener', server.url, here, {}));
metrics.setGlobalMeterProvider(
  new MeterProvider({ readers: [new PrometheusExporter({ preventServerStart: true })] }),
);
candidates.push(await candidate('metrics', server.url, here, {}));
const spans = new InMemorySpanExporter();
trace.setGlobalTracerProvider(
  new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter: spans })] }),
);
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
candidates.push(await candidate('metrics and spans', server.url, here, {}));
try {
  for (let n = -2; n < ROUNDS; n += 1) {
    // The first two rounds warm up.
    if (n === 0) for (const { cpuMicroseconds } of candidates) cpuMicroseconds.length = 0;
    for (const each of n % 2 === 0 ? candidates : candidates.toReversed()) {
      await round(each);
      spans.reset();
    }
  }
  const base = candidates.find(({ name }) => name === 'no listener')?.cpuMicroseconds ?? [];
  for (const { name, cpuMicroseconds } of candidates) {
    const cpu = median(cpuMicroseconds).toFixed(1).padStart(6);
    const ratio = median(cpuMicroseconds.map((us, n) => us / (base[n] ?? us))).toFixed(2);
    console.log(`${name.padEnd(20)} ${cpu} µs of CPU a lock  ${ratio} ×`);
  }
} finally {
  for (const { close } of candidates) await close();
  await server.stop();
}
