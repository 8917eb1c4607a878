#!/usr/bin/env bash
# A provider of transient scope that is injected in two places, with a method of @Timeout or @OnEvent.
#
# What depends on it: a job in a class that is transient for another reason, such as a logger of its own. It
# runs, and works on undefined fields.
# Guess: the job is called on each injected instance, or Nest refuses or warns, as it does for request scope.
# Packages: @nestjs/schedule 6.1.3, @nestjs/event-emitter 3.1.0, @nestjs/core 11.2.10.
# Seen: constructed: 2 instances; the job and the listener are called once, on an object whose
# constructor has never run (instanceof is true, its fields are undefined); no line in the log.
# Nest keeps a prototype without fields as the "instance" of a transient provider, and the explorer takes it.
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
const { Injectable, Module, Scope } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { EventEmitter2, EventEmitterModule, OnEvent } = require('@nestjs/event-emitter');
const { ScheduleModule, Timeout } = require('@nestjs/schedule');

function decorate(decorator, type, method) {
  decorator(type.prototype, method, Object.getOwnPropertyDescriptor(type.prototype, method));
}

const instances = [];
const calls = { job: [], listener: [] };
class Reports {
  constructor() {
    this.name = 'reports';
    instances.push(this);
  }
  once() {
    calls.job.push(this);
  }
  heard() {
    calls.listener.push(this);
  }
}
decorate(Timeout(10), Reports, 'once');
decorate(OnEvent('told'), Reports, 'heard');
Injectable({ scope: Scope.TRANSIENT })(Reports);

class First {}
class Second {}
for (const type of [First, Second]) {
  Injectable()(type);
  Reflect.defineMetadata('design:paramtypes', [Reports], type);
}
class App {}
Module({
  imports: [ScheduleModule.forRoot(), EventEmitterModule.forRoot()],
  providers: [Reports, First, Second],
})(App);

(async () => {
  const lines = [];
  const write = line => lines.push(line);
  const logger = { log() {}, error: write, warn: write, fatal: write };
  const app = await NestFactory.createApplicationContext(App, { logger });
  app.get(EventEmitter2).emit('told');
  await delay(100);
  await app.close();
  const shown = called => called.map(self => `${self instanceof Reports} ${self.name} ${instances.includes(self)}`);
  console.log('constructed:', instances.length, 'lines in the log:', lines.length);
  console.log('job (instanceof, name, constructed):', shown(calls.job));
  console.log('listener (instanceof, name, constructed):', shown(calls.listener));
  assert.equal(instances.length, 2);
  assert.deepEqual(shown(calls.job), ['true undefined false']);
  assert.deepEqual(shown(calls.listener), ['true undefined false']);
  assert.equal(lines.length, 0);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 60 node run.cjs
