import { Injectable } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { Test, type TestingModule } from '@nestjs/testing';
import { AdvisoryLockEvents, AdvisoryLockModule, ExclusiveCron } from 'nestjs-advisory-lock';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Fleet } from '../../lib/fleet/fleet.js';
import { startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';
import { startProxy } from '../faults/support/tcp-proxy.js';
import { postmasterPid, serverCpuMs } from './server-cpu.js';

/*
 * What a fleet asks of the server after an outage in which each of ten jobs has missed a tick. All instances
 * are in this process, and the server is counted alone.
 *
 *   node --import ./scripts/typescript.mjs test/bench/missed-ticks.ts 5 10 20 40
 */
const JOBS = 10;
/** From the choice of the tick until it is due: the fleet starts, and the statistics are flushed. */
const LEAD_MS = 30_000;
const LEAD_OF_INSTANCE_MS = 1_500;
const SETTLED_MS = 20_000;
const SETTLED_OF_INSTANCE_MS = 1_000;
/** An idle backend of Postgres 15 or later flushes its statistics within 10 s. */
const FLUSH_MS = 12_000;

const sizes = process.argv.slice(2).map(Number);

function jobsAt(schedule: string): new () => object {
  @Injectable()
  class Jobs {}
  for (let n = 0; n < JOBS; n += 1) {
    const name = `job${String(n)}`;
    const descriptor = { value: async () => Promise.resolve(), writable: true, configurable: true };
    Object.defineProperty(Jobs.prototype, name, descriptor);
    ExclusiveCron(schedule, { claimMs: 4_000 })(Jobs.prototype, name, descriptor);
    Object.defineProperty(Jobs.prototype, name, descriptor);
  }
  return Jobs;
}

let questions = 0;
const inspect = Reflect.get(Fleet.prototype, 'inspect');
Fleet.prototype.inspect = function (...args) {
  questions += 1;
  return inspect.apply(this, args);
};

const server = await startEmbeddedPostgres({ postgresFlags: ['-c', 'max_connections=400'] });
const client = new pg.Client(server.url);
await client.connect();
const firstOf = async <T>(sql: string): Promise<T> =>
  ((await client.query({ text: sql, rowMode: 'array' })).rows[0] as [T])[0];
const postmaster = await postmasterPid(server.url);

console.log('instances  questions  transactions  server CPU ms  process CPU ms  missed');
for (const size of sizes) {
  await client.query(`CREATE DATABASE fleet_${String(size)}`);
  const url = new URL(server.url);
  url.pathname = `/fleet_${String(size)}`;
  const proxy = await startProxy(url.href);
  const dueAt = Math.ceil((Date.now() + LEAD_MS + size * LEAD_OF_INSTANCE_MS) / 1_000) * 1_000;
  const schedule = `${String(new Date(dueAt).getSeconds())} ${String(new Date(dueAt).getMinutes())} * * * *`;
  const Jobs = jobsAt(schedule);
  let missed = 0;
  const apps: TestingModule[] = [];
  for (let n = 0; n < size; n += 1) {
    const locks = AdvisoryLockModule.forRoot({
      postgres: proxy.url(url.href),
      instanceName: `web-${String(n)}`,
    });
    const imports = [ScheduleModule.forRoot(), locks];
    const app = await Test.createTestingModule({ imports, providers: [Jobs] }).compile();
    await app.init();
    app.get(AdvisoryLockEvents).on('missed', () => (missed += 1));
    apps.push(app);
  }
  const xacts = (): Promise<string> =>
    firstOf(`SELECT xact_commit FROM pg_stat_database WHERE datname = 'fleet_${String(size)}'`);
  if (Date.now() > dueAt - FLUSH_MS) throw new Error('The start took longer than the lead.');
  await sleep(dueAt - 1_500 - Date.now());
  await proxy.refuse();
  proxy.cut();
  const before = { xacts: Number(await xacts()), cpu: serverCpuMs(postmaster), own: process.cpuUsage() };
  questions = 0;
  await sleep(dueAt + 2_000 - Date.now());
  await proxy.accept();
  await sleep(dueAt + SETTLED_MS + size * SETTLED_OF_INSTANCE_MS - Date.now());
  const cpu = serverCpuMs(postmaster) - before.cpu;
  const own = process.cpuUsage(before.own);
  const asked = questions;
  await sleep(FLUSH_MS);
  const row = [
    size,
    asked,
    Number(await xacts()) - before.xacts,
    cpu,
    (own.user + own.system) / 1_000,
    missed,
  ];
  console.log(
    row.map((value, index) => value.toFixed(0).padStart([9, 11, 14, 15, 16, 8][index] ?? 0)).join(''),
  );
  await Promise.all(apps.map((app) => app.close()));
  await proxy.close();
}
await client.end();
await server.stop();
process.exit();
