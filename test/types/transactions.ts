/* eslint-disable @typescript-eslint/no-unused-vars -- the parameters are what is compared */
import {
  type AdvisoryLockService,
  currentEntityManager,
  type LockKey,
  type LockMode,
  runMigrationsExclusively,
  type TransactionLock,
  WithAdvisoryLock,
} from 'nestjs-advisory-lock';
import type { DataSource, EntityManager, Migration } from 'typeorm';

export class ByHand {
  constructor(
    private readonly locks: AdvisoryLockService,
    private readonly dataSource: DataSource,
  ) {}

  async results(): Promise<[number, string, LockKey | undefined]> {
    const count: number = await this.locks.withTransactionLock('a', (manager) => manager.count('a'));
    const mode: LockMode = await this.locks.withTransactionLock(
      [1, 2],
      (_manager: EntityManager, lock) => lock.mode,
      { waitMs: Infinity, mode: 'shared', isolationLevel: 'SERIALIZABLE', httpStatus: 423 },
    );
    const outcome = await this.locks.tryWithTransactionLock('a', (_manager, { key }) => key, { waitMs: 5 });
    return [count, mode, outcome.acquired ? outcome.value : undefined];
  }

  async inItsOwn(): Promise<boolean> {
    return this.dataSource.transaction(async (manager) => {
      await this.locks.lockInTransaction(manager, 'a', {
        waitMs: 5,
        mode: 'shared',
        signal: AbortSignal.abort(),
      });
      return this.locks.tryLockInTransaction(manager, 1n);
    });
  }

  async migrates(): Promise<Migration[]> {
    await runMigrationsExclusively(this.dataSource);
    return runMigrationsExclusively(this.dataSource, {
      waitMs: 60_000,
      signal: AbortSignal.timeout(60_000),
      transaction: 'each',
      connectionOptions: { url: 'postgres://localhost' },
    });
  }

  async migratesByFunction(): Promise<number> {
    await runMigrationsExclusively(() => undefined, { postgres: 'postgres://localhost' });
    return runMigrationsExclusively(({ signal }) => Promise.resolve(signal.aborted ? 0 : 1), {
      postgres: { host: 'localhost', password: () => Promise.resolve('secret') },
      name: 'migrations of the shop',
      waitMs: 60_000,
      signal: AbortSignal.timeout(60_000),
      connectionOptions: { url: 'postgres://localhost' },
    });
  }

  async refusesOptionsOfTheOther(): Promise<void> {
    // @ts-expect-error 2345 it is not known where the database is
    await runMigrationsExclusively(() => undefined);
    // @ts-expect-error 2769 a function decides by itself which migrations share a transaction
    await runMigrationsExclusively(() => undefined, { postgres: 'postgres://a', transaction: 'each' });
    // @ts-expect-error 2769 a data source knows its database
    await runMigrationsExclusively(this.dataSource, { postgres: 'postgres://localhost' });
  }

  async refuses(manager: EntityManager): Promise<void> {
    // @ts-expect-error 1360 it goes with the transaction
    const release = 'release' satisfies keyof TransactionLock;
    // @ts-expect-error 2322 the lock may have been busy
    const value: { value: number } = await this.locks.tryWithTransactionLock('a', () => 42);
    // @ts-expect-error 2345 the manager is the first argument
    await this.locks.lockInTransaction('a', manager);
    // @ts-expect-error 2353 the transaction has its level already
    await this.locks.lockInTransaction(manager, 'a', { isolationLevel: 'SERIALIZABLE' });
    // @ts-expect-error 2322 Postgres has no such level
    await this.locks.withTransactionLock('a', () => value, { isolationLevel: 'SNAPSHOT' });
    // @ts-expect-error 2322 no such mode
    await this.locks.withTransactionLock('a', () => value, { mode: 'reader' });
    // @ts-expect-error 2769 no such mode
    await runMigrationsExclusively(this.dataSource, { transaction: 'some' });
  }
}

const withPermits = { scope: 'transaction', permits: 5 } as const;

export class Decorated {
  @WithAdvisoryLock<[id: number]>((id) => `order:${id}`, {
    scope: 'transaction',
    waitMs: 5_000,
    mode: 'shared',
    isolationLevel: 'READ COMMITTED',
    onBusy: ({ args: [id] }) => id.toFixed(),
    connection: 'archive',
  })
  async inATransaction(id: number): Promise<void> {
    await currentEntityManager().delete('a', id);
  }

  @WithAdvisoryLock('a', { scope: 'session' })
  async inASession(): Promise<void> {}

  // @ts-expect-error 2769 says "a lock of a transaction has no permits"
  @WithAdvisoryLock('a', { scope: 'transaction', permits: 5 })
  async hasPermits(): Promise<void> {}

  // @ts-expect-error 2769 says "a lock of a transaction has no permits"
  @WithAdvisoryLock('a', withPermits)
  async hasPermitsFromElsewhere(): Promise<void> {}

  // @ts-expect-error 2769 says "Property 'scope' is missing in type '{ isolationLevel: "SERIALIZABLE"; }'", as only a transaction has a level
  @WithAdvisoryLock('a', { isolationLevel: 'SERIALIZABLE' })
  async hasNoTransaction(): Promise<void> {}

  // @ts-expect-error 2769 says "Type '"request"' is not assignable to type", as there is no such scope
  @WithAdvisoryLock('a', { scope: 'request' })
  async hasAnotherScope(): Promise<void> {}
}
