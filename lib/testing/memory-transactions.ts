import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, LockConfigurationError } from '../core/index.js';
import type { MemoryBackend } from './memory-backend.js';
import { MemoryRuns } from './memory-runs.js';
import type { MemoryServer } from './memory-server.js';
import { scriptedLock } from './scripts.js';

type TransactionArguments<T> = readonly [...unknown[], body: (manager: object) => Promise<T>];

/** The transaction that the calling code runs in. */
const transactions = new AsyncLocalStorage<MemoryTransaction>();

/** The managers of tests that have learned in which transaction their code runs. */
const prepared = new WeakSet();

/** The part of a data source of TypeORM that locks of transactions need. */
export class MemoryDataSource {
  readonly options = { type: 'postgres' } as const;
  readonly driver = {};
  readonly isInitialized = true;
  readonly runs = new MemoryRuns();

  constructor(
    private readonly server: MemoryServer,
    /** What the test gives to its transactions. */
    private readonly findManager: () => Promise<unknown>,
  ) {}

  /** Runs the body in a transaction, whose locks end with it. */
  async transaction<T>(...given: TransactionArguments<T>): Promise<T> {
    const body = given.at(-1) as (manager: object) => Promise<T>;
    const manager = prepare(await this.findManager());
    const transaction = new MemoryTransaction(this.server.connect('transaction'), this.server);
    try {
      return await transactions.run(transaction, () => body(manager));
    } finally {
      transaction.end();
    }
  }

  /** Runs a statement of recorded runs. There are no other tables. */
  query(sql: string, parameters: readonly unknown[] = []): Promise<object[]> {
    const rows = this.runs.query(sql, parameters);
    if (rows !== undefined) return Promise.resolve(rows);
    return Promise.reject(
      new LockConfigurationError(
        'The locks in memory of nestjs-advisory-lock/testing have no table but that of recorded runs, ' +
          'received a statement of another one. Use a server in the test.',
      ),
    );
  }
}

/** A transaction on a backend of its own, as a query runner of TypeORM. */
class MemoryTransaction {
  isTransactionActive = true;
  isReleased = false;

  constructor(
    private readonly backend: MemoryBackend,
    private readonly server: MemoryServer,
  ) {}

  getReplicationMode(): 'master' {
    return 'master';
  }

  connect(): Promise<this> {
    return Promise.resolve(this);
  }

  /** Runs a script as the client of node-postgres does: with a result for each statement. */
  async query(script: string): Promise<{ rows: object[] }[]> {
    await Promise.resolve();
    const lock = scriptedLock(script);
    if (lock === undefined) return [];
    if (!lock.isTry) {
      const outcome = (await this.backend.isGranted(lock, 'transaction')) ? 'y' : '';
      return script.split('; ').map(() => ({ rows: [{ outcome }] }));
    }
    const { key, mode } = lock;
    const granted = this.server.locks.take({ pid: this.backend.pid, key, mode, scope: 'transaction' });
    return [{ rows: [] }, { rows: [{ granted, isStandby: false, lockTimeout: '0', statementTimeout: '0' }] }];
  }

  end(): void {
    this.isTransactionActive = false;
    this.isReleased = true;
    this.backend.destroy();
  }
}

/**
 * Gives the object of the test the two properties by which locks find its transaction. It stays the same
 * object, so that the test can compare it.
 */
function prepare(manager: unknown): object {
  if (typeof manager !== 'object' || manager === null || !Object.isExtensible(manager)) {
    throw new LockConfigurationError(
      'The `entityManager` of AdvisoryLockTesting must be an object that can be extended, received ' +
        `${describe(manager)}.`,
    );
  }
  if (prepared.has(manager)) return manager;
  prepared.add(manager);
  const own = (manager as { queryRunner?: unknown }).queryRunner;
  Object.defineProperty(manager, 'queryRunner', {
    get: () => transactions.getStore() ?? own,
    configurable: true,
    enumerable: false,
  });
  if (!('transaction' in manager)) {
    const nested = (...given: TransactionArguments<unknown>): Promise<unknown> =>
      (given.at(-1) as (inner: object) => Promise<unknown>)(manager);
    Object.defineProperty(manager, 'transaction', { value: nested, configurable: true, enumerable: false });
  }
  return manager;
}
