#!/usr/bin/env bash
# Three ordinary expressions that one package reads otherwise than all others, without an error.
#
# What depends on it: expressions that move from one scheduler to another, or that come from users and are
# checked by one package and fired by another one.
# Guess: where a package accepts such an expression, it has the dates that the others have: 13th or Friday
# (crontab(5)), minutes 5, 15, 25, ..., and every day of the week.
# Packages: node-cron 4.6.0, cron-schedule 6.0.0, cronosjs 1.7.1, cron 4.4.0, cron-parser 5.10.6, croner
# 11.0.1, with the clock of @sinonjs/fake-timers 15.0.0.
# Seen, dates in July and August 2027 (UTC):
#   0 0 13 * 5     node-cron 1 (Friday the 13th only; also fired so); the others 10
#   5/10 9 * * *   cron-schedule 62 (09:05 only); cron, cron-parser, cronosjs 372; croner, node-cron: refused
#   0 0 * * 0-7    cronosjs 9 (Sundays only: it turns 7 into 0); the others 62
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund node-cron@4.6.0 cron-schedule@6.0.0 cronosjs@1.7.1 cron@4.4.0 \
  cron-parser@5.10.6 croner@11.0.1 luxon@3.7.2 @sinonjs/fake-timers@15.0.0
npm ls --depth 0 | tail -n +2 || true
cat > run.cjs <<'JS'
const assert = require('node:assert/strict');
const FakeTimers = require('@sinonjs/fake-timers');
const { CronTime } = require('cron');
const { CronExpressionParser } = require('cron-parser');
const { parseCronExpression } = require('cron-schedule');
const { Cron } = require('croner');
const { CronosExpression } = require('cronosjs');
const { DateTime } = require('luxon');
const nodeCron = require('node-cron');

const start = new Date('2027-06-30T12:00:00Z');
const end = new Date('2027-09-01T00:00:00Z');

/** Each makes a function that finds the first date after another one. */
const packages = {
  'node-cron': expression => {
    if (!nodeCron.validate(expression)) throw new Error('refused');
    const task = nodeCron.createTask(expression, () => {}, { timezone: 'UTC' });
    task.start();
    return date => {
      const clock = FakeTimers.install({ now: date.getTime(), toFake: ['Date'] });
      try {
        return task.getNextRun();
      } finally {
        clock.uninstall();
      }
    };
  },
  'cron-schedule': expression => {
    const cron = parseCronExpression(expression);
    return date => cron.getNextDate(date);
  },
  cronosjs: expression => {
    const cronos = CronosExpression.parse(expression, { timezone: 'UTC' });
    return date => cronos.nextDate(date);
  },
  cron: expression => {
    const time = new CronTime(expression, 'UTC');
    return date => time.getNextDateFrom(DateTime.fromJSDate(date, { zone: 'UTC' }), 'UTC').toJSDate();
  },
  'cron-parser': expression => {
    const parsed = CronExpressionParser.parse(expression, { currentDate: start, tz: 'UTC' });
    return () => parsed.next().toDate();
  },
  croner: expression => {
    const cron = new Cron(expression, { timezone: 'UTC', paused: true });
    return date => cron.nextRun(date);
  },
};

function compare(expression) {
  const dates = {};
  for (const [name, open] of Object.entries(packages)) {
    try {
      const next = open(expression);
      dates[name] = 0;
      for (let date = next(start); date < end; date = next(date)) dates[name] += 1;
    } catch {
      dates[name] = 'refused';
    }
  }
  console.log(expression, JSON.stringify(dates));
  return dates;
}

async function fired(expression) {
  const clock = FakeTimers.install({ now: start.getTime() });
  let runs = 0;
  const task = nodeCron.schedule(expression, () => (runs += 1), { timezone: 'UTC' });
  await clock.tickAsync(end.getTime() - start.getTime() - 1);
  await task.destroy();
  clock.uninstall();
  console.log(`${expression} in node-cron, fired:`, runs);
  return runs;
}

(async () => {
  const rest = dates => ({ cronosjs: dates, cron: dates, 'cron-parser': dates, croner: dates });
  assert.deepEqual(compare('0 0 13 * 5'), { 'node-cron': 1, 'cron-schedule': 10, ...rest(10) });
  assert.deepEqual(compare('5/10 9 * * *'), { 'node-cron': 'refused', 'cron-schedule': 62, ...rest(372), croner: 'refused' });
  assert.deepEqual(compare('0 0 * * 0-7'), { 'node-cron': 62, 'cron-schedule': 62, ...rest(62), cronosjs: 9 });
  assert.equal(await fired('0 0 13 * 5'), 1);
  process.exit(0);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
TZ=UTC timeout 60 node run.cjs
