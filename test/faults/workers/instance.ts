import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { TypeOrmModule } from '@nestjs/typeorm';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { AdvisoryLockModule, currentTick, ExclusiveCron, ExclusiveInterval } from '../../../lib/index.js';
import type { FiringReport, JobSpec } from './job-spec.js';
import { blockEventLoop } from '../../support/block-event-loop.js';

const { TEST_URL: url = '', TEST_LOCKS_URL: locksUrl = url, TEST_JOBS: jobs = '[]' } = process.env;
const instance = process.env.TEST_INSTANCE ?? String(process.pid);

@Injectable()
class Jobs {
  constructor(private readonly dataSource: DataSource) {}

  async run(job: JobSpec): Promise<void> {
    const id = await this.note(job, true);
    // The process may be killed as soon as it has reported that.
    report({ type: 'ran', job: job.name });
    await sleep(job.runMs);
    await this.dataSource.query('UPDATE firing SET ended = clock_timestamp() WHERE id = $1', [id]);
  }

  async skip(job: JobSpec): Promise<void> {
    if (job.isQuiet !== true) await this.note(job, false);
    report({ type: 'skipped', job: job.name });
  }

  private async note(job: JobSpec, ran: boolean): Promise<string | undefined> {
    const tick = currentTick();
    const rows: { id: string }[] = await this.dataSource.query(
      'INSERT INTO firing (job, tick, late, instance, ran) VALUES ($1, $2, $3, $4, $5) RETURNING id',
      [job.name, tick?.at, tick?.lateMs, instance, ran],
    );
    return rows[0]?.id;
  }
}

for (const job of JSON.parse(jobs) as JobSpec[]) {
  const descriptor: PropertyDescriptor = {
    configurable: true,
    writable: true,
    async value(this: Jobs): Promise<void> {
      await this.run(job);
    },
  };
  const options = {
    ...job.options,
    onBusy: (context: { instance: object }) => (context.instance as Jobs).skip(job),
  };
  const decorator =
    typeof job.schedule === 'number'
      ? ExclusiveInterval(job.name, job.schedule, { onBusy: options.onBusy })
      : ExclusiveCron(job.schedule, { ...options, name: job.name } as object);
  // Apart from the class's own methods, whatever a job is called.
  const method = `job ${job.name}`;
  (decorator as MethodDecorator)(Jobs.prototype, method, descriptor);
  Object.defineProperty(Jobs.prototype, method, descriptor);
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url, poolSize: 12, applicationName: 'instance' }),
    AdvisoryLockModule.forRoot({ connectionOptions: { url: locksUrl } }),
    ScheduleModule.forRoot(),
  ],
  providers: [Jobs],
})
class InstanceModule {}

function report(firing: FiringReport): void {
  if (process.connected) process.send?.({ ...firing, tick: currentTick()?.at.toISOString() });
}

/**
 * `go` starts the application, `block` keeps its event loop busy, `fire` calls a job by
 * hand, and `stop` ends it in good order.
 */
interface Order {
  type: 'go' | 'block' | 'fire' | 'stop';
  ms?: number;
  job?: string;
}

// The modules are loaded before the start, which takes no time then: the test sets the clock in between.
process.on('message', ({ type }: Order) => {
  if (type === 'go') void start();
});
process.send?.({ type: 'loaded' });

async function start(): Promise<void> {
  const app = await NestFactory.createApplicationContext(InstanceModule, { logger: ['error', 'warn'] });
  process.on('message', ({ type, ms = 0, job = '' }: Order) => {
    if (type === 'block') blockEventLoop(ms);
    if (type === 'fire') void app.get(SchedulerRegistry).getCronJob(job).fireOnTick();
    if (type === 'stop') void app.close().then(() => process.exit());
  });
  process.send?.({ type: 'started' });
}
