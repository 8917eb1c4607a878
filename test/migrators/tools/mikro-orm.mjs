import { Migration, Migrator } from '@mikro-orm/migrations';
import { MikroORM } from '@mikro-orm/postgresql';
import { STEPS } from './steps.mjs';

/** Runs the first steps that are pending. */
export async function migrate(url, count) {
  const migrationsList = STEPS.slice(0, count).map(({ name, statements }) => ({
    name,
    class: class extends Migration {
      up() {
        for (const statement of statements) this.addSql(statement);
      }
    },
  }));
  const orm = await MikroORM.init({
    clientUrl: url,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    migrations: { migrationsList, snapshot: false },
    logger: () => undefined,
  });
  try {
    await orm.migrator.up();
  } finally {
    await orm.close(true);
  }
}
