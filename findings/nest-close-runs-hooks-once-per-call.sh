#!/usr/bin/env bash
# Nest runs the shutdown hooks once for each call of app.close(), also for calls at the same time.
#
# What depends on it: everything that ends a session or drains holders in a shutdown hook must bear a
# second run. It
# happens when a signal arrives while the application closes itself, or when a test closes twice.
# Guess: the second app.close() joins the first, so each hook runs once.
# Packages: @nestjs/core 11.2.10, @nestjs/common 11.2.10.
# Seen: two calls at once: onModuleDestroy ran 2 times, both running at the same time; a third call later:
# 3 times.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund @nestjs/core@11.2.10 @nestjs/common@11.2.10 \
  reflect-metadata@0.2.2 rxjs@7.8.2
cat > run.cjs <<'JS'
require('reflect-metadata');
const assert = require('node:assert/strict');
const { setTimeout: delay } = require('node:timers/promises');
const { Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');

let runs = 0;
let running = 0;
let mostAtOnce = 0;
class App {
  async onModuleDestroy() {
    runs += 1;
    running += 1;
    mostAtOnce = Math.max(mostAtOnce, running);
    await delay(50);
    running -= 1;
  }
}
Module({})(App);

(async () => {
  console.log('@nestjs/core', require('@nestjs/core/package.json').version);
  const app = await NestFactory.createApplicationContext(App, { logger: false });
  await Promise.all([app.close(), app.close()]);
  console.log(`two calls at once: ${runs} runs, ${mostAtOnce} at the same time`);
  assert.deepEqual([runs, mostAtOnce], [2, 2]);
  await app.close();
  console.log(`a third call: ${runs} runs`);
  assert.equal(runs, 3);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
node run.cjs
