#!/usr/bin/env bash
# Two clients of one PGlite over its socket server, and a session-level advisory lock.
#
# What depends on it: a test suite or a local environment that runs on PGlite instead of a server. Code that
# relies on advisory locks passes there without any exclusion, and a lock outlives the client that took it.
# Guess: the socket server admits several clients, so the second one is refused the lock, and gets it when the
# first one has disconnected.
# Packages: @electric-sql/pglite 0.5.14, @electric-sql/pglite-socket 0.2.17, pg 8.23.1.
# Seen:
#   pids of the two clients: equal
#   pg_try_advisory_lock(1) of the first and of the second client: true, true
#   advisory locks after both clients have disconnected: 1
#   a setting that the first client has made (SET lock_timeout): the second client has it
# The server multiplexes all clients onto the one session of PGlite, and resets nothing in between.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund \
  @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17 pg@8.23.1
cat > run.mjs <<'JS'
import assert from 'node:assert/strict';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import pg from 'pg';

const db = await PGlite.create();
const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 10 });
const listening = new Promise((resolve) => server.addEventListener('listening', ({ detail }) => resolve(detail)));
await server.start();
const { port } = await listening;

const connect = async () => {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
  await client.connect();
  return client;
};
const valueOf = async (querying, sql) => Object.values((await querying.query(sql)).rows[0])[0];

const [first, second] = [await connect(), await connect()];
const pids = [await valueOf(first, 'SELECT pg_backend_pid()'), await valueOf(second, 'SELECT pg_backend_pid()')];
console.log('pids of the two clients:', pids[0] === pids[1] ? 'equal' : 'different');
const take = 'SELECT pg_try_advisory_lock(1)';
const granted = [await valueOf(first, take), await valueOf(second, take)];
console.log('granted to:', granted);
await first.query("SET lock_timeout = '1234ms'");
const setting = await valueOf(second, 'SHOW lock_timeout');
console.log('lock_timeout of the second client:', setting);
await first.end();
await second.end();
const left = await valueOf(db, "SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory'");
console.log('locks after both have disconnected:', left);

assert.equal(pids[0], pids[1]);
assert.deepEqual(granted, [true, true]);
assert.equal(setting, '1234ms');
assert.equal(left, 1);
await server.stop();
await db.close();
JS
node run.mjs
