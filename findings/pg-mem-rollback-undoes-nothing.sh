#!/usr/bin/env bash
# ROLLBACK on a client of pg-mem, and the transactions of the libraries it has adapters for.
#
# What depends on it: tests that run on pg-mem. One that shows that a failed transaction leaves nothing behind
# fails on right code, and code that relies on rows of a transaction that was undone passes.
# Guess: the rollback undoes what that client has done since BEGIN, and perhaps what the others have done too.
# Packages: pg-mem 3.0.14, knex 3.3.0, typeorm 1.1.1, kysely 0.29.9, pg 8.23.1 (of which knex loads the driver).
# Seen:
#   BEGIN, INSERT, ROLLBACK of one client  each succeeds, the row stays
#   the same three in one text             the row is gone
#   knex, typeorm, kysely                  the transaction rejects with the error of its body, its row stays
#   SELECT … FOR UPDATE of a second client returns the row that an open transaction has changed, with the new value
#   SAVEPOINT                              is refused, it does not parse
# Each call of query() has an in-memory transaction of its own, which is committed at its end. BEGIN and ROLLBACK
# are statements of that one alone.
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps pg-mem@3.0.14 knex@3.3.0 typeorm@1.1.1 kysely@0.29.9 \
  pg@8.23.1
npm ls --depth 0 | tail -n +2 || true
cat > run.mjs <<'JS'
import assert from 'node:assert/strict';
import { DataType, newDb } from 'pg-mem';

const failure = new Error('of the body');
const fail = () => {
  throw failure;
};
const outcomeOf = promise => promise.then(() => 'resolved', error => (error === failure ? 'rejected' : `${error}`));

async function withClients(observe) {
  const db = newDb();
  const { Client } = db.adapters.createPg();
  const clients = [new Client(), new Client()];
  for (const client of clients) await client.connect();
  await clients[0].query('CREATE TABLE item (id int PRIMARY KEY, n int)');
  const count = async () => (await clients[1].query('SELECT id FROM item')).rows.length;
  return observe({ db, first: clients[0], second: clients[1], count });
}

await withClients(async ({ first, count }) => {
  await first.query('BEGIN');
  await first.query('INSERT INTO item VALUES (1, 0)');
  await first.query('ROLLBACK');
  const kept = await count();
  await first.query('BEGIN; INSERT INTO item VALUES (2, 0); ROLLBACK');
  const keptOfOneText = (await count()) - kept;
  console.log(`rows after ROLLBACK: ${kept}; of the three statements in one text: ${keptOfOneText}`);
  assert.deepEqual([kept, keptOfOneText], [1, 0]);
});

await withClients(async ({ first, second }) => {
  await first.query('INSERT INTO item VALUES (1, 0)');
  await first.query('BEGIN');
  await first.query('UPDATE item SET n = 1 WHERE id = 1');
  await second.query('BEGIN');
  const { rows } = await second.query('SELECT n FROM item WHERE id = 1 FOR UPDATE');
  const savepoint = await first.query('SAVEPOINT inner_one').then(() => 'resolved', () => 'rejected');
  console.log(`FOR UPDATE of the second client while the first one has changed the row: n = ${rows[0].n};`,
    `SAVEPOINT ${savepoint}`);
  assert.deepEqual([rows[0].n, savepoint], [1, 'rejected']);
});

const libraries = {
  knex: db => {
    const knex = db.adapters.createKnex();
    return knex.transaction(async tx => {
      await tx.raw('INSERT INTO item VALUES (1, 0)');
      fail();
    });
  },
  typeorm: async db => {
    const text = { returns: DataType.text };
    db.public.registerFunction({ ...text, name: 'version', implementation: () => 'PostgreSQL 18.4' });
    db.public.registerFunction({ ...text, name: 'current_database', implementation: () => 'postgres' });
    const source = await db.adapters.createTypeormDataSource({ type: 'postgres', entities: [] }).initialize();
    return source.transaction(async tx => {
      await tx.query('INSERT INTO item VALUES (1, 0)');
      fail();
    });
  },
  kysely: db =>
    db.adapters.createKysely().transaction().execute(async tx => {
      await tx.insertInto('item').values({ id: 1, n: 0 }).execute();
      fail();
    }),
};
for (const [name, transact] of Object.entries(libraries)) {
  await withClients(async ({ db, count }) => {
    const outcome = await outcomeOf(transact(db));
    const kept = await count();
    console.log(`${name}: the transaction ${outcome}, rows: ${kept}`);
    assert.deepEqual([outcome, kept], ['rejected', 1]);
  });
}
process.exit(0);
JS
timeout 60 node run.mjs
