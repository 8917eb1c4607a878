#!/usr/bin/env bash
# One cron expression, two calendars: whether a full range counts as "any day".
#
# What depends on it: `@Cron` of @nestjs/schedule uses `cron`; BullMQ repeats use `cron-parser`. An
# expression moved
# from one to the other can run on other days, and two schedulers of one job no longer agree on its ticks.
# Guess: cron, cron-parser and croner give the same number of dates in a year for the same five-field
# expression.
# Packages: cron 4.4.0, cron-parser 5.10.6, croner 11.0.1.
# Seen, dates in 2027 (UTC):
#   0 0 1-31 * 1     cron 52   cron-parser 365   croner 365
#   0 0 13 * 0-6     cron 12   cron-parser 365   croner 365
#   0 0 13 * 5       cron 64   cron-parser 64    croner 64
# cron decides by the values: a field that lists every day restricts nothing, so the other day field alone
# counts.
# The other two decide by the text: only `*` is unrestricted, `1-31` is joined to the weekday by OR.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund cron@4.4.0 cron-parser@5.10.6 croner@11.0.1 luxon@3.7.2
cat > run.cjs <<'JS'
const assert = require('node:assert/strict');
const { CronTime } = require('cron');
const { CronExpressionParser } = require('cron-parser');
const { Cron } = require('croner');
const { DateTime } = require('luxon');

const start = new Date('2026-12-31T12:00:00Z');
const end = new Date('2028-01-01T00:00:00Z');

function count(next) {
  let dates = 0;
  for (let date = next(start); date < end; date = next(date)) dates += 1;
  return dates;
}

function compare(expression) {
  const time = new CronTime(expression, 'UTC');
  const parsed = CronExpressionParser.parse(expression, { currentDate: start, tz: 'UTC' });
  const croner = new Cron(expression, { timezone: 'UTC', paused: true });
  const dates = {
    cron: count(date => time.getNextDateFrom(DateTime.fromJSDate(date, { zone: 'UTC' }), 'UTC').toJSDate()),
    'cron-parser': count(() => parsed.next().toDate()),
    croner: count(date => croner.nextRun(date)),
  };
  console.log(expression, JSON.stringify(dates));
  return dates;
}

for (const name of ['cron', 'cron-parser', 'croner'])
  console.log(name, JSON.parse(require('fs').readFileSync(`node_modules/${name}/package.json`)).version);
assert.deepEqual(compare('0 0 1-31 * 1'), { cron: 52, 'cron-parser': 365, croner: 365 });
assert.deepEqual(compare('0 0 13 * 0-6'), { cron: 12, 'cron-parser': 365, croner: 365 });
assert.deepEqual(compare('0 0 13 * 5'), { cron: 64, 'cron-parser': 64, croner: 64 });
JS
node run.cjs
