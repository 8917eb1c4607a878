#!/usr/bin/env bash
# pg-pool runs the callback of a queued connect() in the AsyncLocalStorage context of the caller that
# released.
#
# What depends on it: nestjs-cls, transaction libraries and our own record of held locks all live in
# AsyncLocalStorage.
# With callbacks on a busy pool, one request sees the transaction or the user of another one. Promises are
# right.
# Guess: the callback runs in the context in which connect() was called, as the promise does.
# Packages: pg 8.23.0, pg-pool 3.14.0, on @electric-sql/pglite-socket 0.2.17.
# Seen: free pool, callback: caller; busy pool, callback: releaser; busy pool, promise: caller.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17 \
  pg@8.23.0 pg-pool@3.14.0
cat > run.cjs <<'JS'
const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { PGlite } = require('@electric-sql/pglite');
const { PGLiteSocketServer } = require('@electric-sql/pglite-socket');
const { Pool } = require('pg');

(async () => {
  const db = await PGlite.create();
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0 });
  const listening = new Promise(resolve => server.addEventListener('listening', event => resolve(event.detail.port)));
  await server.start();
  const pool = new Pool({
    host: '127.0.0.1', port: await listening, user: 'postgres', password: 'x', database: 'postgres', max: 1,
  });
  const context = new AsyncLocalStorage();
  const byCallback = () =>
    new Promise((resolve, reject) => {
      context.run('caller', () =>
        pool.connect((error, client, release) => {
          if (error) return reject(error);
          const seen = context.getStore();
          release();
          resolve(seen);
        }),
      );
    });
  const byPromise = () =>
    context.run('caller', async () => {
      const client = await pool.connect();
      client.release();
      return context.getStore();
    });
  const whileBusy = async connect => {
    const holder = await pool.connect();
    const seen = connect();
    context.run('releaser', () => holder.release());
    return await seen;
  };

  (await pool.connect()).release();
  const seen = [await byCallback(), await whileBusy(byCallback), await whileBusy(byPromise)];
  for (const name of ['pg', 'pg-pool'])
    console.log(name, JSON.parse(require('node:fs').readFileSync(`node_modules/${name}/package.json`)).version);
  console.log('free pool, callback:', seen[0]);
  console.log('busy pool, callback:', seen[1]);
  console.log('busy pool, promise:', seen[2]);
  await pool.end();
  await server.stop();
  await db.close();
  assert.deepEqual(seen, ['caller', 'releaser', 'caller']);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 40 node run.cjs
