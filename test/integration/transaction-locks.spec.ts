import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  type AdvisoryLockService,
  currentEntityManager,
  LockDeadlockError,
  LockTimeoutError,
  LockUnavailableError,
} from 'nestjs-advisory-lock';
import type { EventEmitter } from 'node:events';
import type { DataSource, EntityManager } from 'typeorm';
import {
  applicationNameOf,
  defaultInstanceName,
  type LockMode,
  type PostgresOptions,
} from '../../lib/core/index.js';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { Gate } from '../e2e/support/gate.js';

/** An instance of an application: its locks, and its data source with a pool of one. */
interface Instance {
  readonly locks: AdvisoryLockService;
  readonly dataSource: DataSource;
}

describe('locks of a transaction', () => {
  const database = useTestDatabase();

  beforeEach(() => database.query('DROP TABLE IF EXISTS note; CREATE TABLE note (text text)'));

  async function instance(options?: Partial<PostgresOptions>): Promise<Instance> {
    const dataSource = await openDataSource(database.url, options);
    return { locks: createLocks(database.url, {}, dataSource).service, dataSource };
  }

  const write = (manager: EntityManager, text: string): Promise<unknown> =>
    manager.query('INSERT INTO note VALUES ($1)', [text]);
  const notes = async (): Promise<string[]> =>
    (await database.query<{ text: string }>('SELECT text FROM note ORDER BY text')).map(({ text }) => text);
  const isWaitedFor = async (): Promise<boolean> =>
    (await database.advisoryLocks()).some(({ granted }) => !granted);
  const modes = async (): Promise<string[]> =>
    (await database.advisoryLocks()).map(({ mode, granted }) => `${mode}${granted ? '' : ' wanted'}`).sort();

  /** Holds the lock in a transaction of another instance, until the gate is opened. */
  async function holdInOtherSession(name: string, mode: LockMode = 'exclusive'): Promise<Release> {
    const { locks } = await instance();
    const gate = new Gate();
    const held = locks.withTransactionLock(name, () => gate.pass(), { mode });
    await Promise.race([gate.reached, held]);
    return async () => {
      gate.open();
      await held;
    };
  }
  type Release = () => Promise<void>;

  describe('withTransactionLock', () => {
    it('leaves no transaction open whose ROLLBACK was never sent', async () => {
      const { locks, dataSource } = await instance({ extra: { query_timeout: 200 } });
      const other = await openDataSource(database.url);
      const late = await other.transaction(async (blocking) => {
        await blocking.query('LOCK TABLE note IN SHARE MODE');
        const error = await locks
          .withTransactionLock('import', (manager) => write(manager, 'undone'))
          .catch((reason: unknown) => reason);
        await blocking.query("INSERT INTO note VALUES ('other')");
        return error;
      });
      expect(late).toMatchObject({ message: 'Query read timeout' });
      await write(dataSource.manager, 'next');
      expect(await notes()).toEqual(['next', 'other']);
      await until(async () => (await database.advisoryLocks()).length === 0, 'the lock is free');
    });

    it('waits for no end of a connection that is over, whose transaction cannot be rolled back', async () => {
      const { locks } = await instance();
      const error = new Error('from the body');
      const awaited: string[] = [];

      const failed = locks.withTransactionLock('a', async ({ queryRunner }) => {
        const client = (await queryRunner?.connect()) as EventEmitter;
        const ended = new Promise((resolve) => client.once('end', resolve));
        const [lock] = await database.advisoryLocks();
        await database.query('SELECT pg_terminate_backend($1)', [lock?.pid]);
        await ended;
        client.on('newListener', (event: string) => awaited.push(event));
        throw error;
      });

      await expect(failed).rejects.toBe(error);
      expect(awaited).toEqual([]);
    });

    it('commits the writes of the body, resolves to its result, and frees the lock', async () => {
      const { locks } = await instance();

      const result = await locks.withTransactionLock('a', async (manager, lock) => {
        await write(manager, 'written');
        expect(lock).toMatchObject({ name: 'a', mode: 'exclusive' });
        expect(await database.advisoryLocks()).toMatchObject([
          { mode: 'ExclusiveLock', objid: lock.key.objid },
        ]);
        expect(await notes()).toEqual([]);
        return 42;
      });

      expect(result).toBe(42);
      expect(await notes()).toEqual(['written']);
      expect(await database.advisoryLocks()).toEqual([]);
    });

    it('rolls back when the body throws, frees the lock, and passes the very error through', async () => {
      const { locks } = await instance();
      const error = new Error('from the body');

      const failed = locks.withTransactionLock('a', async (manager) => {
        await write(manager, 'not written');
        throw error;
      });

      await expect(failed).rejects.toBe(error);
      expect(await notes()).toEqual([]);
      expect(await database.advisoryLocks()).toEqual([]);
    });

    it('rejects when the body has caught a failed statement, whose COMMIT stores nothing', async () => {
      const { locks } = await instance();
      for (let round = 0; round < 50; round += 1) {
        const running = locks.withTransactionLock('import', async (manager) => {
          await write(manager, 'lost');
          await manager.query('SELECT 1 / 0').catch(() => undefined);
          return 'all is stored';
        });
        await expect(running).rejects.toMatchObject({ driverError: { code: '25P02' } });
      }
      expect(await notes()).toEqual([]);
      expect(await database.advisoryLocks()).toEqual([]);
    });

    it('does not run the body when the lock is busy, and gives the connection back', async () => {
      const { locks, dataSource } = await instance();
      const release = await holdInOtherSession('a');

      const refused = locks.withTransactionLock('a', () => 'ran', { httpStatus: 423 });

      await expect(refused).rejects.toThrow(LockUnavailableError);
      await expect(refused).rejects.toMatchObject({
        code: 'LOCK_UNAVAILABLE',
        lockName: 'a',
        http: { httpStatus: 423 },
      });
      expect(await locks.tryWithTransactionLock('a', () => 'ran')).toEqual({ acquired: false });
      await dataSource.query('SELECT 1');
      await release();
      expect(await locks.tryWithTransactionLock('a', () => 'ran')).toEqual({ acquired: true, value: 'ran' });
    });

    it('excludes session locks of the same name, and is excluded by them', async () => {
      const [one, two] = [await instance(), await instance()];

      await one.locks.withTransactionLock('a', async () => {
        expect(await two.locks.tryAcquire('a')).toBeUndefined();
        expect(await two.locks.isLocked('a')).toBe(true);
      });
      await using lock = await two.locks.acquire('a');
      expect(await one.locks.tryWithTransactionLock('a', () => 1)).toEqual({ acquired: false });
      expect(lock.isHeld).toBe(true);
    });

    it('waits until the holder has committed, and sees what it wrote', async () => {
      const { locks } = await instance();
      const other = await instance();
      const gate = new Gate();
      const held = other.locks.withTransactionLock('a', async (manager) => {
        await write(manager, 'of the holder');
        await gate.pass();
      });
      await gate.reached;

      const waiting = locks.withTransactionLock('a', (manager) => manager.query('SELECT text FROM note'), {
        waitMs: Infinity,
      });
      await until(isWaitedFor, 'the lock is waited for');
      gate.open();

      expect(await waiting).toEqual([{ text: 'of the holder' }]);
      await held;
    });

    it('gives up after waitMs', async () => {
      const { locks, dataSource } = await instance();
      const release = await holdInOtherSession('a');

      const error: unknown = await locks
        .withTransactionLock('a', () => 1, { waitMs: 50 })
        .catch((e: unknown) => e);

      expect(error).toBeInstanceOf(LockTimeoutError);
      expect(error).toMatchObject({ code: 'LOCK_TIMEOUT', waitMs: 50 });
      expect(await locks.tryWithTransactionLock('a', () => 1, { waitMs: 50 })).toEqual({ acquired: false });
      expect(await modes()).toEqual(['ExclusiveLock']);
      await dataSource.query('SELECT 1');
      await release();
    });

    it('lets readers in together, without a writer', async () => {
      const [one, two] = [await instance(), await instance()];
      const release = await holdInOtherSession('a', 'shared');

      await one.locks.withTransactionLock(
        'a',
        async (_manager, { mode }) => {
          expect(mode).toBe('shared');
          expect(await modes()).toEqual(['ShareLock', 'ShareLock']);
          expect(await two.locks.tryWithTransactionLock('a', () => 1)).toEqual({ acquired: false });
        },
        { mode: 'shared' },
      );
      await release();
      await two.locks.withTransactionLock('a', async () => {
        expect(await one.locks.tryWithTransactionLock('a', () => 1, { mode: 'shared' })).toEqual({
          acquired: false,
        });
      });
    });

    it.each<[string | number | bigint | [number, number]]>([
      [-(2n ** 63n)],
      [2n ** 63n - 1n],
      [-1],
      [[-(2 ** 31), 2 ** 31 - 1]],
    ])('takes the key %s as it is', async (key) => {
      const { locks } = await instance();

      await locks.withTransactionLock(key, async (_manager, lock) => {
        const { classid, objid, objsubid } = lock.key;
        expect(await database.advisoryLocks()).toMatchObject([{ classid, objid, objsubid }]);
      });
    });

    it('has only its own limit: the timeouts of the application are restored after the wait', async () => {
      const { locks, dataSource } = await instance({
        extra: { options: '-c lock_timeout=40 -c statement_timeout=60' },
      });
      const release = await holdInOtherSession('a');
      const timeouts = ['lock_timeout', 'statement_timeout'] as const;
      const read = (manager: EntityManager): Promise<string[]> =>
        Promise.all(
          timeouts.map(async (name) => {
            const [row] = await manager.query<[Record<string, string>]>(`SHOW ${name}`);
            return String(row[name]);
          }),
        );

      const waiting = locks.withTransactionLock('a', read, { waitMs: 10_000 });
      await until(isWaitedFor, 'the lock is waited for');
      await new Promise((resolve) => setTimeout(resolve, 150)); // longer than either timeout
      await release();

      expect(await waiting).toEqual(['40ms', '60ms']);
      expect(await read(dataSource.manager)).toEqual(['40ms', '60ms']);
    });
  });

  describe('inside another, with a pool of one', () => {
    it('runs in the same transaction, and both locks go with its commit', async () => {
      const { locks } = await instance();

      await locks.withTransactionLock('a', async (outer) => {
        await locks.withTransactionLock('b', async (inner) => {
          expect(inner.queryRunner).toBe(outer.queryRunner);
          await write(inner, 'inner');
        });
        expect(await database.advisoryLocks()).toHaveLength(2);
        expect(await notes()).toEqual([]);
        locks.assertHeld('a');
        locks.assertHeld('b');
      });

      expect(await notes()).toEqual(['inner']);
      expect(await database.advisoryLocks()).toEqual([]);
    });

    it('takes the same name again to join', async () => {
      const { locks } = await instance();

      const inner = await locks.withTransactionLock('a', () =>
        locks.withTransactionLock('a', () => 'inner', { reentry: 'join' }),
      );

      expect(inner).toBe('inner');
    });

    it('that fails takes back its own writes and its own lock, and the outer can go on', async () => {
      const { locks } = await instance();

      await locks.withTransactionLock('a', async (manager) => {
        await write(manager, 'outer');
        const failed = locks.withTransactionLock('b', async (inner) => {
          await write(inner, 'inner');
          throw new Error('from the inner body');
        });
        await expect(failed).rejects.toThrow('from the inner body');
        expect(await database.advisoryLocks()).toHaveLength(1);
        expect(() => {
          locks.assertHeld('b');
        }).toThrow('is not held here');
        await write(manager, 'outer again');
      });

      expect(await notes()).toEqual(['outer', 'outer again']);
    });

    it('that is busy leaves the outer one whole', async () => {
      const { locks } = await instance();
      const release = await holdInOtherSession('b');

      await locks.withTransactionLock('a', async (manager) => {
        await write(manager, 'outer');
        expect(await locks.tryWithTransactionLock('b', () => 1)).toEqual({ acquired: false });
        expect(await locks.tryWithTransactionLock('b', () => 1, { waitMs: 20 })).toEqual({ acquired: false });
      });

      expect(await notes()).toEqual(['outer']);
      await release();
    });

    it('runs one after the other when several are started at once', async () => {
      const { locks } = await instance();
      const failure = new Error('from the second');

      await locks.withTransactionLock('a', async () => {
        const outcomes = await Promise.allSettled(
          ['b', 'c', 'd'].map((name) =>
            locks.withTransactionLock(name, async (manager) => {
              await write(manager, name);
              if (name === 'c') throw failure;
            }),
          ),
        );
        expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      });

      expect(await notes()).toEqual(['b', 'd']);
    });

    it('that is not awaited ends before the commit', async () => {
      const { locks } = await instance();
      let left: Promise<unknown> | undefined;

      await locks.withTransactionLock('a', () => {
        left = locks.withTransactionLock('b', (manager) => write(manager, 'left behind'));
      });

      expect(await notes()).toEqual(['left behind']);
      await left;
    });

    it('that begins after the end of the outer one has a transaction of its own', async () => {
      const { locks } = await instance();
      const gate = new Gate();
      let left: Promise<unknown> | undefined;

      await locks.withTransactionLock('a', () => {
        left = gate.pass().then(() => locks.withTransactionLock('b', (manager) => write(manager, 'later')));
      });
      expect(await notes()).toEqual([]);
      gate.open();
      await left;

      expect(await notes()).toEqual(['later']);
    });

    it('refuses an isolation level that the outer one has not', async () => {
      const { locks } = await instance();

      const failed = locks.withTransactionLock('a', () =>
        locks.withTransactionLock('b', () => 1, { isolationLevel: 'SERIALIZABLE' }),
      );

      await expect(failed).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION', lockName: 'b' });
    });
  });

  describe('with a session lock of the same name', () => {
    it('outside: the transaction runs under it', async () => {
      const { locks } = await instance();

      await locks.withLock('a', async () => {
        await locks.withTransactionLock(
          'a',
          async (manager) => {
            await write(manager, 'under the session lock');
            expect(await database.advisoryLocks()).toHaveLength(1);
          },
          { reentry: 'join' },
        );
        expect(await notes()).toEqual(['under the session lock']);
        expect(await locks.isLocked('a')).toBe(true);
      });
    });

    it('inside: it would wait for its own transaction without an end, and is refused', async () => {
      const { locks } = await instance();

      await locks.withTransactionLock('a', async () => {
        await expect(locks.withLock('a', () => 1)).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
        await expect(locks.tryAcquire('a')).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
        expect(await locks.withLock('b', () => 'another name')).toBe('another name');
      });
    });

    it('outside of a transaction of your own: lockInTransaction is refused', async () => {
      const { locks, dataSource } = await instance();

      await locks.withLock('a', () =>
        dataSource.transaction(async (manager) => {
          const refused = locks.lockInTransaction(manager, 'a', { waitMs: Infinity });
          await expect(refused).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
        }),
      );
    });
  });

  describe.each(['REPEATABLE READ', 'SERIALIZABLE'] as const)('in %s', (isolationLevel) => {
    it('the transaction begins after the lock is granted, and ends before it is released', async () => {
      const { locks } = await instance();

      await locks.withTransactionLock(
        'a',
        async (manager) => {
          const [row] = await manager.query<[{ transaction_isolation: string }]>(
            'SHOW transaction_isolation',
          );
          expect(row.transaction_isolation.toUpperCase()).toBe(isolationLevel);
          const held = await database.advisoryLocks();
          expect(held.map(({ applicationName }) => applicationName)).toEqual([
            applicationNameOf(defaultInstanceName()),
          ]);
          locks.assertHeld('a');
          expect(await locks.withLock('a', () => 'inside', { reentry: 'join' })).toBe('inside');
          await write(manager, 'written');
        },
        { isolationLevel },
      );

      expect(await notes()).toEqual(['written']);
      expect(await locks.isLocked('a')).toBe(false);
    });

    it('busy is busy, before a transaction is opened', async () => {
      const { locks } = await instance();
      const release = await holdInOtherSession('a');

      const refused = locks.withTransactionLock('a', () => 1, { isolationLevel });
      await expect(refused).rejects.toThrow(LockUnavailableError);
      expect(await locks.tryWithTransactionLock('a', () => 1, { isolationLevel })).toEqual({
        acquired: false,
      });
      await release();
    });

    it('it waits for its lock, and reads what the last holder has committed', async () => {
      const [mine, other] = [await instance(), await instance()];
      let waiting: Promise<unknown> = Promise.resolve();
      await other.locks.withTransactionLock(
        'a',
        async (manager) => {
          waiting = mine.locks.withTransactionLock(
            'a',
            (own) => own.query<unknown[]>('SELECT count(*)::int AS count FROM note'),
            { isolationLevel, mode: 'shared', waitMs: Infinity },
          );
          await until(
            async () => (await database.advisoryLocks()).some(({ granted }) => !granted),
            'the other waits',
          );
          await write(manager, 'written');
        },
        { isolationLevel },
      );
      expect(await waiting).toEqual([{ count: 1 }]);
    });

    it('as the level of the data source, it is the same', async () => {
      const { locks } = await instance({ isolationLevel });

      await locks.withTransactionLock('a', async () => {
        const [held] = await database.advisoryLocks();
        expect(held?.applicationName).toBe(applicationNameOf(defaultInstanceName()));
      });
    });

    it('as the level of the server, it is refused rather than overlooked', async () => {
      const level = isolationLevel.toLowerCase().replace(' ', '\\ ');
      const { locks } = await instance({
        extra: { options: `-c default_transaction_isolation=${level}` },
      });

      await expect(locks.withTransactionLock('a', () => 1)).rejects.toMatchObject({
        code: 'LOCK_CONFIGURATION',
      });
      await locks.withTransactionLock('a', () => 1, { isolationLevel });
      await locks.withTransactionLock('a', () => 1, { isolationLevel: 'READ COMMITTED' });
    });

    it('rolls back when the session lock was lost', async () => {
      const { locks } = await instance();

      const failed = locks.withTransactionLock(
        'a',
        async (manager) => {
          await write(manager, 'under a lost lock');
          const signal = locks.current('a')?.signal;
          const [held] = await database.advisoryLocks();
          await database.query('SELECT pg_terminate_backend($1)', [held?.pid]);
          await until(() => signal?.aborted === true, 'the loss is noticed');
        },
        { isolationLevel },
      );

      await expect(failed).rejects.toMatchObject({ code: 'LOCK_LOST' });
      expect(await notes()).toEqual([]);
    });

    it('lockInTransaction is refused, and the transaction goes on without the lock', async () => {
      const { locks, dataSource } = await instance();

      await dataSource.transaction(isolationLevel, async (manager) => {
        const refused = locks.lockInTransaction(manager, 'a');
        await expect(refused).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
        expect(await database.advisoryLocks()).toEqual([]);
        await write(manager, 'all the same');
      });

      expect(await notes()).toEqual(['all the same']);
    });
  });

  describe('lockInTransaction', () => {
    it('holds the lock until the commit', async () => {
      const { locks, dataSource } = await instance();

      await dataSource.transaction(async (manager) => {
        await locks.lockInTransaction(manager, 'a');
        await locks.lockInTransaction(manager, 'a');
        expect(await locks.tryLockInTransaction(manager, 'b', { mode: 'shared' })).toBe(true);
        expect(await modes()).toEqual(['ExclusiveLock', 'ShareLock']);
      });

      expect(await database.advisoryLocks()).toEqual([]);
    });

    it('refuses without a transaction', async () => {
      const { locks, dataSource } = await instance();
      const runner = dataSource.createQueryRunner();
      const refusal = { code: 'LOCK_CONFIGURATION', lockName: 'a' };

      await expect(locks.lockInTransaction(dataSource.manager, 'a')).rejects.toMatchObject(refusal);
      await expect(locks.lockInTransaction(runner.manager, 'a')).rejects.toMatchObject(refusal);
      await runner.startTransaction();
      await locks.lockInTransaction(runner.manager, 'a');
      await runner.commitTransaction();
      await expect(locks.lockInTransaction(runner.manager, 'a')).rejects.toMatchObject(refusal);
      await runner.startTransaction();
      await runner.query('COMMIT');
      await expect(locks.lockInTransaction(runner.manager, 'a')).rejects.toMatchObject(refusal);
      await runner.rollbackTransaction();
      await runner.release();
      await expect(locks.lockInTransaction(runner.manager, 'a')).rejects.toMatchObject(refusal);
    });

    it('refuses in a transaction that has failed before', async () => {
      const { locks, dataSource } = await instance();
      const runner = dataSource.createQueryRunner();
      await runner.startTransaction();
      await expect(runner.query('SELECT 1/0')).rejects.toThrow('division by zero');

      const refused = locks.lockInTransaction(runner.manager, 'a', { waitMs: 10 });

      await expect(refused).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
      await runner.rollbackTransaction();
      await runner.release();
    });

    it.each([
      ['a try', { waitMs: 0 }, 'LOCK_UNAVAILABLE'],
      ['a wait', { waitMs: 30 }, 'LOCK_TIMEOUT'],
    ])(
      'that fails after %s leaves the transaction, its savepoints and its settings whole',
      async (_case, options, code) => {
        const { locks, dataSource } = await instance();
        const release = await holdInOtherSession('a');

        await dataSource.transaction(async (manager) => {
          await manager.query("SET LOCAL lock_timeout = '7s'");
          await write(manager, 'before');
          await locks.lockInTransaction(manager, 'kept');
          await manager.transaction(async (nested) => {
            await write(nested, 'nested');
            await expect(locks.lockInTransaction(nested, 'a', options)).rejects.toMatchObject({ code });
            await write(nested, 'nested, after');
          });
          expect(await locks.tryLockInTransaction(manager, 'a', options)).toBe(false);
          expect(await manager.query('SHOW lock_timeout')).toEqual([{ lock_timeout: '7s' }]);
          await write(manager, 'after');
        });

        expect(await notes()).toEqual(['after', 'before', 'nested', 'nested, after']);
        expect(await modes()).toEqual(['ExclusiveLock']);
        await release();
      },
    );

    it('that deadlocks names the locks, and leaves the transaction to be used', async () => {
      const [one, two] = [await instance(), await instance()];
      const crosswise = (
        { locks, dataSource }: Instance,
        first: string,
        second: string,
        meet: Promise<unknown>,
      ) => {
        const gate = new Gate();
        const done = dataSource.transaction(async (manager) => {
          await locks.lockInTransaction(manager, first);
          void gate.pass();
          await meet;
          try {
            await locks.lockInTransaction(manager, second, { waitMs: Infinity });
            return undefined;
          } catch (error) {
            await write(manager, first);
            return error;
          }
        });
        return { reached: gate.reached, done };
      };
      const start = new Gate();
      const meet = start.pass();
      // Callers that have used the keys know their names.
      await one.locks.isLocked('red');
      await one.locks.isLocked('blue');
      await two.locks.isLocked('red');
      await two.locks.isLocked('blue');

      const sides = [crosswise(one, 'red', 'blue', meet), crosswise(two, 'blue', 'red', meet)];
      await Promise.all(sides.map(({ reached }) => reached));
      start.open();
      const errors = (await Promise.all(sides.map(({ done }) => done))).filter(
        (error) => error !== undefined,
      );

      expect(errors).toHaveLength(1);
      expect(errors[0]).toBeInstanceOf(LockDeadlockError);
      const { lockName, lockNames, code } = errors[0] as LockDeadlockError;
      expect(code).toBe('LOCK_DEADLOCK');
      expect([...lockNames].sort()).toEqual(['blue', 'red']);
      expect(await notes()).toEqual([lockName === 'red' ? 'blue' : 'red']);
    });

    it('whose wait is cancelled by an administrator leaves no lock, and a usable transaction', async () => {
      const { locks, dataSource } = await instance();
      const release = await holdInOtherSession('a');

      const committed = dataSource.transaction(async (manager) => {
        const failed = locks.lockInTransaction(manager, 'a', { waitMs: Infinity });
        await expect(failed).rejects.toMatchObject({ code: 'LOCK_CONNECTION', lockName: 'a' });
        await write(manager, 'after');
      });
      await until(isWaitedFor, 'the lock is waited for');
      const waiter = (await database.advisoryLocks()).find(({ granted }) => !granted);
      await database.query('SELECT pg_cancel_backend($1)', [waiter?.pid]);
      await committed;

      expect(await notes()).toEqual(['after']);
      await release();
    });

    it('ends the wait when the signal aborts, and leaves a usable transaction', async () => {
      const { locks, dataSource } = await instance();
      const release = await holdInOtherSession('a');
      const [controller, reason] = [new AbortController(), new Error('the client has left')];
      const { signal } = controller;

      const committed = dataSource.transaction(async (manager) => {
        await write(manager, 'before');
        const ended = locks.lockInTransaction(manager, 'a', { waitMs: Infinity, signal });
        await expect(ended).rejects.toBe(reason);
        expect(await locks.tryLockInTransaction(manager, 'a')).toBe(false);
        await expect(locks.lockInTransaction(manager, 'b', { signal })).rejects.toBe(reason);
        await write(manager, 'after');
      });
      await until(isWaitedFor, 'the lock is waited for');
      controller.abort(reason);
      await committed;
      expect(await notes()).toEqual(['after', 'before']);

      const refused = locks.withTransactionLock('a', () => undefined, { waitMs: Infinity, signal });
      await expect(refused).rejects.toBe(reason);
      await release();
    });

    it('aborted at any moment, takes the lock or ends with the reason, and never breaks', async () => {
      const { locks, dataSource } = await instance();
      const release = await holdInOtherSession('a');
      const reason = new Error('the client has left');
      for (let round = 0; round < 30; round += 1) {
        const controller = new AbortController();
        await dataSource.transaction(async (manager) => {
          const ended = locks.lockInTransaction(manager, 'a', {
            waitMs: Infinity,
            signal: controller.signal,
          });
          const expected = expect(ended).rejects.toBe(reason);
          setTimeout(() => {
            controller.abort(reason);
          }, round / 4);
          await expected;
          await manager.query('SELECT 1');
        });
      }
      await release();
    });

    it('whose connection breaks says so', async () => {
      const { locks, dataSource } = await instance({ poolErrorHandler: () => undefined });
      const release = await holdInOtherSession('a');

      const failed = dataSource.transaction((manager) =>
        locks.lockInTransaction(manager, 'a', { waitMs: Infinity }),
      );
      await until(isWaitedFor, 'the lock is waited for');
      const waiter = (await database.advisoryLocks()).find(({ granted }) => !granted);
      await database.query('SELECT pg_terminate_backend($1)', [waiter?.pid]);

      await expect(failed).rejects.toMatchObject({ code: 'LOCK_CONNECTION', lockName: 'a' });
      await release();
    });

    it('is right about hundreds of waits that end near the moment of the grant', async () => {
      const [one, two] = [await instance(), await instance()];
      const outcomes = { granted: 0, timedOut: 0 };

      for (let round = 0; round < 500; round += 1) {
        const holder = one.locks.withTransactionLock(
          'a',
          (manager) => manager.query('SELECT pg_sleep($1)', [0.002 + Math.random() * 0.002]),
          { waitMs: Infinity },
        );
        await two.dataSource.transaction(async (manager) => {
          const isGranted = await two.locks.tryLockInTransaction(manager, 'a', {
            waitMs: 1 + Math.random() * 4,
          });
          outcomes[isGranted ? 'granted' : 'timedOut'] += 1;
          const [row] = await manager.query<[{ held: boolean }]>(
            `SELECT count(*) > 0 AS held FROM pg_locks
              WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted`,
          );
          if (row.held !== isGranted) throw new Error(`reported ${isGranted}, but Postgres says ${row.held}`);
        });
        await holder;
      }

      expect(Math.min(outcomes.granted, outcomes.timedOut)).toBeGreaterThan(10);
    });
  });

  describe('currentEntityManager', () => {
    it('is the manager of the innermost transaction lock', async () => {
      const { locks, dataSource } = await instance();
      const other = await instance();

      await locks.withTransactionLock('a', async (manager) => {
        expect(currentEntityManager()).toBe(manager);
        await other.locks.withTransactionLock('b', (inner) => {
          expect(currentEntityManager()).toBe(inner);
          expect(currentEntityManager(dataSource)).toBe(manager);
          expect(inner.queryRunner).not.toBe(manager.queryRunner);
        });
        expect(currentEntityManager()).toBe(manager);
      });
    });

    it('throws outside, and in a promise that was left behind', async () => {
      const { locks } = await instance();
      const gate = new Gate();
      let left: Promise<unknown> | undefined;

      await locks.withTransactionLock('a', () => {
        left = gate.pass().then(() => currentEntityManager());
      });
      gate.open();

      await expect(left).rejects.toMatchObject({ code: 'LOCK_NOT_HELD' });
      expect(() => currentEntityManager()).toThrow('No transaction lock is held here');
    });
  });

  it.each([
    [{ waitMs: -1 }],
    [{ waitMs: NaN }],
    [{ waitMs: 2 ** 31 }],
    [{ mode: 'reader' }],
    [{ isolationLevel: 'SNAPSHOT' }],
    [{ wait: 5 }],
  ])('refuses the options %p', async (options) => {
    const { locks } = await instance();

    const refused = locks.withTransactionLock('a', () => 1, options as object);

    await expect(refused).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
  });
});
