#!/usr/bin/env bash
# A job of every minute in the night in which the clock is set back.
#
# What depends on it: heartbeats, queues that are polled by cron, alarms about jobs that have not run. Two
# schedulers of one fleet that use different packages do not even leave the same hour out.
# Guess: a star in minute and hour is real time, so the job runs 1500 times on that day, in each package.
# Packages: node-cron 4.6.0, cronosjs 1.7.1, cron 4.4.0, croner 11.0.1, node-schedule 2.1.1, with the clock of
# @sinonjs/fake-timers 15.0.0.
# Seen, `* * * * *` in Europe/Berlin on October 25, 2026 (the hour after 02:00 comes twice: 00:00Z and
# 01:00Z):
#   node-cron      1440 runs, none from 00:00Z to 00:59Z
#   cronosjs       1440 runs, none from 01:00Z to 01:59Z
#   cron, croner, node-schedule: 1500 runs
# Both turn a wall time into one instant, the later or the earlier one, and so never see the other hour.
# Upstream: https://github.com/node-cron/node-cron/pull/604 (says so in its documentation)
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund node-cron@4.6.0 cronosjs@1.7.1 cron@4.4.0 croner@11.0.1 \
  node-schedule@2.1.1 @sinonjs/fake-timers@15.0.0
npm ls --depth 0 | tail -n +2 || true
cat > run.cjs <<'JS'
const assert = require('node:assert/strict');
const FakeTimers = require('@sinonjs/fake-timers');

const zone = 'Europe/Berlin';
const begin = new Date('2026-10-24T22:00:00Z');
const end = new Date('2026-10-25T23:00:00Z');

/** Each starts a job and returns what stops it. */
const packages = {
  'node-cron': onTick => {
    const task = require('node-cron').schedule('* * * * *', onTick, { timezone: zone });
    return () => task.destroy();
  },
  cronosjs: onTick => {
    const task = require('cronosjs').scheduleTask('* * * * *', onTick, { timezone: zone });
    return () => task.stop();
  },
  cron: onTick => {
    const job = require('cron').CronJob.from({ cronTime: '* * * * *', onTick, timeZone: zone, start: true });
    return () => job.stop();
  },
  croner: onTick => {
    const job = new (require('croner').Cron)('* * * * *', { timezone: zone }, onTick);
    return () => job.stop();
  },
  'node-schedule': onTick => {
    const job = require('node-schedule').scheduleJob({ rule: '* * * * *', tz: zone }, onTick);
    return () => job.cancel();
  },
};

async function observe(start) {
  const clock = FakeTimers.install({ now: begin.getTime() - 1_000 });
  const hours = {};
  let runs = 0;
  const stop = start(() => {
    runs += 1;
    const hour = new Date().toISOString().slice(11, 13);
    hours[hour] = (hours[hour] ?? 0) + 1;
  });
  await clock.tickAsync(end.getTime() - 1 - Date.now());
  stop();
  clock.uninstall();
  return { runs, first: hours['00'] ?? 0, second: hours['01'] ?? 0 };
}

(async () => {
  const seen = {};
  for (const [name, start] of Object.entries(packages)) {
    seen[name] = await observe(start);
    console.log(name, JSON.parse(require('node:fs').readFileSync(`node_modules/${name}/package.json`)).version,
      `runs: ${seen[name].runs}, in the first 02:00 hour: ${seen[name].first}, in the second: ${seen[name].second}`);
  }
  assert.deepEqual(seen['node-cron'], { runs: 1440, first: 0, second: 60 });
  assert.deepEqual(seen.cronosjs, { runs: 1440, first: 60, second: 0 });
  for (const name of ['cron', 'croner', 'node-schedule'])
    assert.deepEqual(seen[name], { runs: 1500, first: 60, second: 60 }, name);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 100 node run.cjs
