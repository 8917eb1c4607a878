#!/usr/bin/env bash
# Bree: the word "every" in an interval of 90 minutes.
#
# What depends on it: the rate of a job, what it costs, and the `claimMs` or lease that someone derives from
# it.
# Guess: `interval: 'every 90 minutes'` and `interval: '90 minutes'` mean the same.
# Packages: bree 9.2.9 (with @breejs/later 4.2.0), with the clock of @sinonjs/fake-timers 15.0.0.
# Seen, gaps between the runs of one day, started at 00:00:01 UTC, in minutes:
#   '90 minutes'         90
#   'every 90 minutes'   60
#   '45 minutes'         45
#   'every 45 minutes'   45 and 15 in turns
#   '36 hours'           2160
#   'every 36 hours'     1440
# With "every" the text goes to `later`, whose periods are positions on the clock: "every 45 minutes" is the
# minutes 0 and 45 of each hour, and a period longer than an hour or a day begins again with each hour or day.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund bree@9.2.9 @breejs/later@4.2.0 @sinonjs/fake-timers@15.0.0
npm ls --depth 0 | tail -n +2 || true
cat > run.cjs <<'JS'
const assert = require('node:assert/strict');
const FakeTimers = require('@sinonjs/fake-timers');

async function gapsOf(interval) {
  const clock = FakeTimers.install({ now: new Date('2027-01-04T00:00:01Z') });
  const Bree = require('bree');
  const runs = [];
  class Recorder extends Bree {
    async run() {
      runs.push(Date.now());
    }
  }
  const bree = new Recorder({ root: false, logger: false, jobs: [{ name: 'job', path: () => {}, interval }] });
  await bree.start();
  await clock.tickAsync(5 * 24 * 60 * 60_000);
  await bree.stop();
  clock.uninstall();
  // The first gap begins at the start, not at a run.
  const minutes = runs.map((time, i) => Math.round((time - runs[i - 1]) / 60_000)).slice(2);
  const gaps = [...new Set(minutes)].sort((a, b) => b - a);
  console.log(`${interval}:`, gaps.join(' and '), `minutes (${runs.length} runs in five days)`);
  return gaps;
}

(async () => {
  console.log('bree', require('bree/package.json').version);
  assert.deepEqual(await gapsOf('90 minutes'), [90]);
  assert.deepEqual(await gapsOf('every 90 minutes'), [60]);
  assert.deepEqual(await gapsOf('45 minutes'), [45]);
  assert.deepEqual(await gapsOf('every 45 minutes'), [45, 15]);
  assert.deepEqual(await gapsOf('36 hours'), [2160]);
  assert.deepEqual(await gapsOf('every 36 hours'), [1440]);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 60 node run.cjs
