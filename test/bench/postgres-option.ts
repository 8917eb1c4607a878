import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AdvisoryLockModule, AdvisoryLockService, getAdvisoryLockToken } from 'nestjs-advisory-lock';
import { startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';
import { quantile } from './quantile.js';

/*
 * How the hot path of a module on a data source of TypeORM compares with one on the option `postgres`. Both
 * take turns in one process, and what counts is their ratio in a round, not the cost of either.
 */
const { TEST_DATABASE_URL: given } = process.env;
const server = given === undefined ? await startEmbeddedPostgres({}) : undefined;
const url = given ?? server?.url ?? '';

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url }),
    AdvisoryLockModule.forRoot(),
    AdvisoryLockModule.forRoot({ name: 'postgres', postgres: url }),
  ],
})
class AppModule {}

const ROUNDS = 40;
const CALLS = 400;
const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const ways = [app.get(AdvisoryLockService), app.get<AdvisoryLockService>(getAdvisoryLockToken('postgres'))];

async function oneAfterTheOther(locks: AdvisoryLockService): Promise<void> {
  for (let call = 0; call < CALLS; call += 1) await locks.withLock('hot', () => undefined);
}

async function atOnce(locks: AdvisoryLockService): Promise<void> {
  const calls = Array.from({ length: CALLS }, (_, call) => locks.withLock(`key:${call}`, () => undefined));
  await Promise.all(calls);
}

/** CPU time, which a busy machine changes less than the time on the clock. */
async function measureUs(work: () => Promise<void>): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

for (const load of [oneAfterTheOther, atOnce]) {
  for (const way of ways) await load(way);
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const order = round % 2 === 0 ? [0, 1] : [1, 0];
    const us = [0, 0];
    for (const index of order) {
      const locks = ways[index];
      if (locks !== undefined) us[index] = await measureUs(() => load(locks));
    }
    ratios.push((us[0] ?? 0) / (us[1] ?? 0));
  }
  const [low = '', median = '', high = ''] = [0.25, 0.5, 0.75].map((share) =>
    quantile(ratios, share)?.toFixed(2),
  );
  console.log(`${load.name}: TypeORM / postgres ${median} (quartiles ${low} to ${high}, ${ROUNDS} rounds)`);
}
await app.close();
await server?.stop();
