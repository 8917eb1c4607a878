import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AdvisoryLockModule, OnLeadership, OnLeadershipEnd } from '../../../lib/index.js';

/** By the clock that all processes of a machine share. */
const report = (type: string, more: object = {}): void => {
  process.send?.({ type, atMs: Number(process.hrtime.bigint()) / 1e6, ...more });
};

// An instance that campaigns until it is stopped, and reports when it leads.
@Injectable()
export class Feed {
  @OnLeadership('feed')
  begin(signal: AbortSignal): void {
    report('begins');
    signal.addEventListener('abort', () => {
      report('aborted', { reason: (signal.reason as Error).name });
    });
  }

  @OnLeadershipEnd('feed')
  end(): void {
    report('ended');
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: process.env.TEST_URL ?? '', poolSize: 1 }),
    AdvisoryLockModule.forRoot({ shutdownTimeoutMs: 60_000 }),
  ],
  providers: [Feed],
})
class CandidateModule {}

const app = await NestFactory.createApplicationContext(CandidateModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
report('ready');
