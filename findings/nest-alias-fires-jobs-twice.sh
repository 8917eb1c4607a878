#!/usr/bin/env bash
# One instance under two tokens (`useExisting`), with a method of @Cron, @Interval or @Timeout.
#
# What depends on it: any job whose class also stands for an interface or an old name. It runs twice at once,
# in one process, where a lock of the fleet that may be entered again does not help.
# Guess: an alias is no second provider, so the job fires once, as the lifecycle hooks and the event listeners
# of that instance do.
# Packages: @nestjs/schedule 6.1.3, @nestjs/event-emitter 3.1.0, @nestjs/core 11.2.10; the same with 12.0.2,
# 12.0.1 and 12.5.1.
# Seen, calls of one instance:
#   provider alone                     @Timeout 1, @Cron timers 1, @OnEvent 1, onModuleInit 1
#   with { provide, useExisting }      @Timeout 2, @Cron timers 2, @OnEvent 1, onModuleInit 1
#   with { provide, useFactory: x=>x } @Timeout 2, @Cron timers 2, @OnEvent 2, onModuleInit 2
# The explorer of the scheduler goes through all tokens and does not ask whether it has met the instance
# before.
# Upstream: https://github.com/nestjs/nest/issues/3182 (the hooks, fixed there)
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund @nestjs/core@11.2.10 @nestjs/common@11.2.10 @nestjs/schedule@6.1.3 \
  @nestjs/event-emitter@3.1.0 reflect-metadata@0.2.2 rxjs@7.8.2
npm ls --depth 0 | tail -n +2 || true
cat > run.cjs <<'JS'
require('reflect-metadata');
const assert = require('node:assert/strict');
const { setTimeout: delay } = require('node:timers/promises');
const { Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { EventEmitter2, EventEmitterModule, OnEvent } = require('@nestjs/event-emitter');
const { Cron, ScheduleModule, SchedulerRegistry, Timeout } = require('@nestjs/schedule');

function decorate(decorator, type, method) {
  decorator(type.prototype, method, Object.getOwnPropertyDescriptor(type.prototype, method));
}

async function observe(name, more) {
  const calls = { timeout: 0, cronJobs: 0, event: 0, init: 0 };
  class Reports {
    onModuleInit() {
      calls.init += 1;
    }
    once() {
      calls.timeout += 1;
    }
    daily() {}
    heard() {
      calls.event += 1;
    }
  }
  decorate(Timeout(10), Reports, 'once');
  decorate(Cron('0 3 * * *'), Reports, 'daily');
  decorate(OnEvent('told'), Reports, 'heard');
  class App {}
  Module({
    imports: [ScheduleModule.forRoot(), EventEmitterModule.forRoot()],
    providers: [Reports, ...more(Reports)],
  })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: ['error', 'warn'] });
  app.get(EventEmitter2).emit('told');
  await delay(100);
  calls.cronJobs = app.get(SchedulerRegistry).getCronJobs().size;
  await app.close();
  console.log(name, JSON.stringify(calls));
  return calls;
}

(async () => {
  for (const name of ['core', 'schedule', 'event-emitter'])
    console.log(`@nestjs/${name}`, JSON.parse(require('node:fs').readFileSync(`node_modules/@nestjs/${name}/package.json`)).version);
  const alone = await observe('alone', () => []);
  const alias = await observe('useExisting', Reports => [{ provide: 'REPORTS', useExisting: Reports }]);
  const factory = await observe('useFactory', Reports => [
    { provide: 'REPORTS', useFactory: reports => reports, inject: [Reports] },
  ]);
  assert.deepEqual(alone, { timeout: 1, cronJobs: 1, event: 1, init: 1 });
  assert.deepEqual(alias, { timeout: 2, cronJobs: 2, event: 1, init: 1 });
  assert.deepEqual(factory, { timeout: 2, cronJobs: 2, event: 2, init: 2 });
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 60 node run.cjs
