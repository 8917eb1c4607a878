import 'reflect-metadata';
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import { runMigrationsExclusively } from '../../../lib/index.js';

interface Order {
  transaction: 'all' | 'none' | 'each';
  isInitialized: boolean;
}

let { transaction, isInitialized }: Order = { transaction: 'all', isInitialized: false };

class CreateJournal1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE journal (migration text, pid int)');
    await runner.query('SELECT pg_sleep(0.2)');
    await runner.query("INSERT INTO journal VALUES ('one', $1)", [process.pid]);
  }
  async down(): Promise<void> {
    // Never reverted here.
  }
}

class WriteJournal1700000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("INSERT INTO journal VALUES ('two', $1)", [process.pid]);
  }
  async down(): Promise<void> {
    // Never reverted here.
  }
}

/** Waits for every snapshot that is older, such as that of a statement that queues for a lock. */
class IndexJournal1700000000003 implements MigrationInterface {
  // TypeORM refuses a migration with a mode of its own when all share one transaction.
  readonly transaction?: boolean;
  constructor() {
    if (transaction === 'each') this.transaction = false;
  }
  async up(runner: QueryRunner): Promise<void> {
    const concurrently = transaction === 'all' ? '' : 'CONCURRENTLY';
    await runner.query(`CREATE INDEX ${concurrently} journal_index ON journal (migration)`);
    await runner.query("INSERT INTO journal VALUES ('three', $1)", [process.pid]);
  }
  async down(): Promise<void> {
    // Never reverted here.
  }
}

// At each message, does what an instance of a fleet does when it starts, with a pool of one.
process.on('message', (order: Order) => {
  ({ transaction, isInitialized } = order);
  void start();
});
process.send?.({ type: 'ready' });

async function start(): Promise<void> {
  const dataSource = new DataSource({
    type: 'postgres',
    url: process.env.TEST_URL ?? '',
    poolSize: 1,
    migrations: [CreateJournal1700000000001, WriteJournal1700000000002, IndexJournal1700000000003],
    migrationsTransactionMode: transaction,
    migrationsRun: !isInitialized,
  });
  if (isInitialized) await dataSource.initialize();
  const migrations = await runMigrationsExclusively(dataSource);
  const ran = migrations.map(({ name }) => name);
  process.send?.({ type: 'done', ran, isInitialized: dataSource.isInitialized });
  if (dataSource.isInitialized) await dataSource.destroy();
}
