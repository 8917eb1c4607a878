#!/usr/bin/env bash
# The next change of the clock in a zone, by two polyfills of Temporal, where an offset lasted less than two
# weeks.
#
# What depends on it: calendars that cut time at the changes of a zone, and compute with one offset in
# between.
# Guess: both agree with each other and with the zone data of the runtime, which both read.
# Packages: @js-temporal/polyfill 0.5.1, temporal-polyfill 1.0.8.
# Seen, the next transition in America/Argentina/Tucuman (UTC-4 from June 1 to June 13, 2004), asked for on
# each of 60 days from March 1, 2004, noon UTC:
#   temporal-polyfill      2004-06-01 on all of them
#   @js-temporal/polyfill  2004-06-01 on 52, 2007-12-30 on 8: March 7, 8, 21, 22, and so on
# It compares offsets two weeks apart, counted from the day of the question, and takes equal ones for no
# change.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund @js-temporal/polyfill@0.5.1 temporal-polyfill@1.0.8
npm ls --depth 0 | tail -n +2 || true
cat > run.mjs <<'JS'
import assert from 'node:assert/strict';
import { Temporal as Other } from '@js-temporal/polyfill';
import { Temporal } from 'temporal-polyfill';

const zone = 'America/Argentina/Tucuman';
const begin = Date.UTC(2004, 2, 1, 12);
const seen = [Temporal, Other].map(({ Instant }) => {
  const days = {};
  for (let day = 0; day < 60; day += 1) {
    const at = Instant.fromEpochMilliseconds(begin + day * 86_400_000).toZonedDateTimeISO(zone);
    const next = at.getTimeZoneTransition('next').toInstant().toString();
    (days[next] ??= []).push(day);
  }
  return days;
});
for (const [i, name] of ['temporal-polyfill', '@js-temporal/polyfill'].entries())
  for (const [next, days] of Object.entries(seen[i])) console.log(`${name}: ${next} on ${days.length} days`);
console.log('days of the later one:', seen[1]['2007-12-30T03:00:00Z']);
assert.deepEqual(Object.keys(seen[0]), ['2004-06-01T03:00:00Z']);
assert.deepEqual(seen[1]['2007-12-30T03:00:00Z'], [6, 7, 20, 21, 34, 35, 48, 49]);
JS
timeout 60 node run.mjs
