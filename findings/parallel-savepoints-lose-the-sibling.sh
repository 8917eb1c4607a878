#!/usr/bin/env bash
# Two nested transactions of one transaction at once, one of which fails: the sibling's rows can be lost.
#
# What depends on it: code that takes a transaction lock and runs nested transactions with Promise.all
# inside it.
# Guess: the nested transaction that resolved keeps its row, in each library.
# Packages: typeorm 1.1.1, drizzle-orm 0.45.4, knex 3.3.0, pg 8.23.0, on @electric-sql/pglite-socket 0.2.17.
# Seen ("good" inserts a row and resolves, "bad" inserts a row and throws 30 ms later; the outer function
# catches both):
#   knex     good fulfilled, outer committed, rows: good   (a nested transaction waits for its sibling)
#   drizzle  good fulfilled, outer committed, rows: none   (both use the savepoint name sp1; the last
#     rollback goes
#            to the first one's savepoint)
#   typeorm  good rejected: savepoint "typeorm_2" does not exist, outer rejected, rows: none (the name
#     comes from a depth
#            that both count)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps @electric-sql/pglite@0.5.14 \
  @electric-sql/pglite-socket@0.2.17 pg@8.23.0 typeorm@1.1.1 drizzle-orm@0.45.4 knex@3.3.0 reflect-metadata@0.2.2
cat > run.cjs <<'JS'
require('reflect-metadata');
const assert = require('node:assert/strict');
const { setTimeout: delay } = require('node:timers/promises');
const { PGlite } = require('@electric-sql/pglite');
const { PGLiteSocketServer } = require('@electric-sql/pglite-socket');
const { sql } = require('drizzle-orm');
const { drizzle } = require('drizzle-orm/node-postgres');
const knex = require('knex');
const { Pool } = require('pg');
const { DataSource } = require('typeorm');

const GOOD = "INSERT INTO t VALUES ('good')";
const BAD = "INSERT INTO t VALUES ('bad')";

async function run(name, db, root, insert) {
  let good;
  const outer = await root
    .transaction(async parent => {
      [good] = await Promise.allSettled([
        parent.transaction(child => insert(child, GOOD)),
        parent.transaction(async child => {
          await insert(child, BAD);
          await delay(30);
          throw new Error('bad');
        }),
      ]);
    })
    .then(() => 'committed', () => 'rejected');
  await db.exec('ROLLBACK');
  const { rows } = await db.query('SELECT name FROM t');
  await db.exec('DELETE FROM t');
  const seen = { good: good.status, outer, rows: rows.map(row => row.name) };
  console.log(name, JSON.stringify(seen), good.reason?.message ?? '');
  return seen;
}

(async () => {
  const db = await PGlite.create();
  await db.exec('CREATE TABLE t (name text)');
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 10 });
  const listening = new Promise(resolve => server.addEventListener('listening', event => resolve(event.detail.port)));
  await server.start();
  const url = { host: '127.0.0.1', port: await listening, user: 'postgres', password: 'x', database: 'postgres' };

  const query = knex({ client: 'pg', connection: url, pool: { min: 0, max: 1 } });
  const byKnex = await run('knex 3.3.0', db, query, (child, text) => child.raw(text).then(() => undefined));
  await query.destroy();

  const pool = new Pool({ ...url, max: 1 });
  const byDrizzle = await run('drizzle-orm 0.45.4', db, drizzle(pool), (child, text) => child.execute(sql.raw(text)));
  await pool.end();

  const source = await new DataSource({ type: 'postgres', ...url, username: url.user, poolSize: 1 }).initialize();
  const byTypeOrm = await run('typeorm 1.1.1', db, source, (child, text) => child.query(text));
  await source.destroy();
  await server.stop();
  await db.close();

  assert.deepEqual(byKnex, { good: 'fulfilled', outer: 'committed', rows: ['good'] });
  assert.deepEqual(byDrizzle, { good: 'fulfilled', outer: 'committed', rows: [] });
  assert.deepEqual(byTypeOrm, { good: 'rejected', outer: 'rejected', rows: [] });
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 40 node run.cjs 2>&1
