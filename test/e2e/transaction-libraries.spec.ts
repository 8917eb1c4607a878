import { beforeEach, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { AdvisoryLockService } from 'nestjs-advisory-lock';
import { DataSource } from 'typeorm';
import {
  addTransactionalDataSource,
  deleteDataSourceByName,
  initializeTransactionalContext,
  Transactional,
} from 'typeorm-transactional';
import { defer } from '../support/cleanup.js';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import { isHeld, lockInOtherSession } from './support/advisory-locks.js';
import { lockedApp, start } from './support/applications.js';

const database = useTestDatabase({ connectionsMayStay: true });

const notes = async (): Promise<string[]> =>
  (await database.query<{ text: string }>('SELECT text FROM note ORDER BY text')).map(({ text }) => text);

beforeEach(() => database.query('DROP TABLE IF EXISTS note; CREATE TABLE note (text text)'));

it('`txHost.tx` of @nestjs-cls/transactional takes locks until the commit, whatever the client', async () => {
  const module = new URL('./workers/cls-transactions.ts', import.meta.url);
  const worker = startWorker(module, { env: { TEST_URL: database.url } });
  const asExpected = {
    inside: { locks: 2, notes: [] },
    afterCommit: { locks: 0, notes: ['a', 'b'] },
    failed: 'Error: from the method',
    busy: 'LOCK_UNAVAILABLE',
    afterBusy: { locks: 0, notes: ['a', 'b', 'd'] },
    outside: 'LOCK_CONFIGURATION',
  };
  expect(await worker.message(() => true)).toEqual({
    TypeORM: asExpected,
    Prisma: asExpected,
    Drizzle: asExpected,
    Kysely: asExpected,
  });
  await worker.exited;
  expect(worker.output).toBe('');
});

@Injectable()
class Ledger {
  constructor(
    private readonly dataSource: DataSource,
    private readonly locks: AdvisoryLockService,
  ) {}

  @Transactional()
  write(name: string, meanwhile?: () => Promise<void>): Promise<void> {
    return this.writeHere(name, meanwhile);
  }

  async writeHere(name: string, meanwhile?: () => Promise<void>): Promise<void> {
    await this.locks.lockInTransaction(this.dataSource.manager, name);
    await this.dataSource.query('INSERT INTO note VALUES ($1)', [name]);
    await meanwhile?.();
  }
}

it('`dataSource.manager` of typeorm-transactional takes locks until the commit', async () => {
  initializeTransactionalContext();
  const { app } = await start(lockedApp(database, { providers: [Ledger] }));
  addTransactionalDataSource(app.get(DataSource));
  defer(() => {
    deleteDataSourceByName('default');
  });
  const ledger = app.get(Ledger);

  await ledger.write('a', async () => {
    await ledger.write('b');
    expect([await isHeld(database, 'a'), await isHeld(database, 'b')]).toEqual([true, true]);
    expect(await notes()).toEqual([]);
  });
  expect([await isHeld(database, 'a'), await isHeld(database, 'b')]).toEqual([false, false]);
  expect(await notes()).toEqual(['a', 'b']);

  const failed = ledger.write('c', () => Promise.reject(new Error('from the method')));
  await expect(failed).rejects.toThrow('from the method');
  expect(await isHeld(database, 'c')).toBe(false);

  await lockInOtherSession(database, 'busy');
  await ledger.write('d', () =>
    expect(ledger.writeHere('busy')).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' }),
  );
  // A lock of a session is on a connection of its own, also when it is taken inside the transaction.
  await app.get(AdvisoryLockService).withLock('e', () => ledger.write('f'));
  expect(await notes()).toEqual(['a', 'b', 'd', 'f']);
  await expect(ledger.writeHere('g')).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
});
