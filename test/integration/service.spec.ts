import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AdvisoryLock } from '../../lib/core/index.js';
import { createLocks } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();
const join = { reentry: 'join' } as const;
const unavailable = { name: 'LockUnavailableError', code: 'LOCK_UNAVAILABLE', lockName: 'import' };

/** Two services, as of two processes. */
const twoProcesses = () => [createLocks(database.url).service, createLocks(database.url).service] as const;

/** A promise, and what settles it. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe('withLock', () => {
  it('runs the body while it holds the lock, and resolves to the result of the body', async () => {
    const [mine, other] = twoProcesses();
    const result = await mine.withLock('import', async (lock) => {
      expect(lock).toMatchObject({ name: 'import', mode: 'exclusive', isHeld: true });
      expect(await other.isLocked('import')).toBe(true);
      await expect(other.withLock('import', () => 'never')).rejects.toMatchObject(unavailable);
      await expect(other.acquire('import')).rejects.toMatchObject(unavailable);
      expect(await other.tryAcquire('import')).toBeUndefined();
      expect(await other.tryWithLock('import', () => 'never')).toEqual({ acquired: false });
      return 42;
    });
    expect(result).toBe(42);
    expect(await other.isLocked('import')).toBe(false);
    expect(await other.tryWithLock('import', () => 'free')).toEqual({ acquired: true, value: 'free' });
  });

  it('lets what the body throws pass through untouched, also when it throws at once', async () => {
    const [mine] = twoProcesses();
    for (const thrown of [new Error('mine'), 'a string', undefined, null]) {
      const outcome = await mine
        .withLock('import', () => {
          // eslint-disable-next-line @typescript-eslint/only-throw-error -- users' code may throw anything
          throw thrown;
        })
        .then(
          () => 'resolved',
          (error: unknown) => [error],
        );
      expect(outcome).toEqual([thrown]);
    }
    await expect(mine.tryWithLock('import', () => Promise.reject(new TypeError('later')))).rejects.toThrow(
      TypeError,
    );
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('takes numbers, bigints and pairs as keys that other programs can meet', async () => {
    const [mine] = twoProcesses();
    await mine.withLock(7, async () => {
      const rows = await database.query(
        `SELECT pg_try_advisory_lock(7) AS "7", pg_try_advisory_lock(0, 7) AS "pair",
          pg_advisory_unlock_all()`,
      );
      expect(rows).toEqual([{ '7': false, pair: true, pg_advisory_unlock_all: '' }]);
    });
    await mine.withLock([0, 7], async (lock) => {
      expect(lock.name).toBe('(0, 7)');
      const rows = await database.query('SELECT pg_try_advisory_lock(0, 7) AS pair');
      expect(rows).toEqual([{ pair: false }]);
    });
    await expect(mine.withLock(0.5, () => 1)).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
    await expect(mine.tryAcquire('')).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
  });

  it('excludes by namespace', async () => {
    const shop = createLocks(database.url, { namespace: 'shop' }).service;
    const bank = createLocks(database.url, { namespace: 'bank' }).service;
    const plain = createLocks(database.url).service;
    await shop.withLock('import', async () => {
      expect(await bank.tryWithLock('import', () => 1)).toMatchObject({ acquired: true });
      expect(await plain.tryWithLock('shop:import', () => 1)).toMatchObject({ acquired: false });
    });
  });

  it('rejects with LOCK_LOST when the lock is lost during the body, unless the body throws', async () => {
    const [mine] = twoProcesses();
    const terminate = async (lock: AdvisoryLock): Promise<void> => {
      const loss = once(lock.signal, 'abort');
      await terminateHolders(database);
      await loss;
      expect(lock.isHeld).toBe(false);
      expect(() => {
        lock.assertHeld();
      }).toThrow(expect.objectContaining({ code: 'LOCK_LOST' }));
    };
    await expect(mine.withLock('import', terminate)).rejects.toMatchObject({
      code: 'LOCK_LOST',
      lockName: 'import',
    });
    await expect(
      mine.withLock('import', async (lock) => {
        await terminate(lock);
        throw new Error('my own');
      }),
    ).rejects.toThrow('my own');
    await expect(mine.withLock('import', () => 'works again')).resolves.toBe('works again');
  });

  it('rejects with LOCK_LOST when the signal stopped the body, with what it threw as the cause', async () => {
    const [mine] = twoProcesses();
    const stopped = mine.withLock('import', async ({ signal }) => {
      const work = sleep(600_000, undefined, { signal });
      await Promise.all([work, terminateHolders(database)]);
    });
    const error: unknown = await stopped.catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      name: 'LockLostError',
      code: 'LOCK_LOST',
      lockName: 'import',
      key: expect.any(String) as unknown,
      heldMs: expect.any(Number) as unknown,
      cause: { name: 'AbortError', code: 'ABORT_ERR', cause: { code: 'LOCK_LOST', lockName: 'import' } },
    });
    expect((error as Error).message).toMatch(
      /^The lock "import" \(key .*\) was lost after \d+ ms because .*/,
    );
  });

  it('rejects with the very LOCK_LOST of the signal when the body throws that', async () => {
    const [mine] = twoProcesses();
    let reason: unknown;
    const stopped = mine.withLock(['import', 'export'], async (outer) => {
      const told = once(outer.signal, 'abort');
      await terminateHolders(database);
      await told;
      reason = outer.signal.reason;
      await mine.tryWithLock('import', () => {
        throw reason;
      });
    });
    const error: unknown = await stopped.catch((rejection: unknown) => rejection);
    expect(error).toBe(reason);
    expect(error).toMatchObject({ code: 'LOCK_LOST' });
  });

  it('refuses options that it does not know', async () => {
    const [mine] = twoProcesses();
    const options = { wait: 5 } as object;
    await expect(mine.withLock('import', () => 1, options)).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining('unknown option `wait`'),
    });
  });
});

describe('acquire', () => {
  it('holds until the handle is released, once and for all', async () => {
    const [mine, other] = twoProcesses();
    const lock = await mine.acquire('import');
    expect(lock.acquiredAt).toBeInstanceOf(Date);
    await expect(mine.acquire('import')).rejects.toMatchObject(unavailable);
    await Promise.all([lock.release(), lock.release()]);
    expect(lock.isHeld).toBe(false);
    expect(() => {
      lock.assertHeld();
    }).toThrow(/released before/);

    const taken = await other.acquire('import');
    await lock.release();
    expect(await mine.tryAcquire('import')).toBeUndefined();
    await taken.release();
    expect(lock.signal.aborted).toBe(false);
  });

  it('is released at the end of an `await using` block', async () => {
    const [mine, other] = twoProcesses();
    {
      await using lock = await mine.acquire('import');
      expect(await other.isLocked(lock.name)).toBe(true);
    }
    expect(await other.isLocked('import')).toBe(false);
  });

  it('shows the key that pg_locks shows', async () => {
    const [mine] = twoProcesses();
    await using lock = await mine.acquire('nightly-report');
    expect(String(lock.key)).toBe('7440995589958059143');
    const { classid, objid, objsubid } = lock.key;
    expect(await database.advisoryLocks()).toMatchObject([{ classid, objid, objsubid, granted: true }]);
  });
});

describe('inside a lock', () => {
  it('the same lock is joined at once, and given back by the outermost', async () => {
    const [mine, other] = twoProcesses();
    await mine.withLock('import', async (outer) => {
      await mine.withLock(
        'import',
        async (inner) => {
          expect(inner).not.toBe(outer);
          await using third = await mine.acquire('import', join);
          expect(third.isHeld).toBe(true);
        },
        join,
      );
      expect(outer.isHeld).toBe(true);
      expect(await other.isLocked('import')).toBe(true);
    });
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('another caller of the same process is outside', async () => {
    const [mine] = twoProcesses();
    const { opened, open } = gate();
    const holding = mine.withLock('import', () => opened);
    await expect(mine.acquire('import')).rejects.toMatchObject(unavailable);
    open();
    await holding;
  });

  it('another service of the same process is outside', async () => {
    const [mine, other] = twoProcesses();
    await mine.withLock('import', async () => {
      expect(other.current()).toBeUndefined();
      expect(await other.tryAcquire('import')).toBeUndefined();
    });
  });

  it('current and assertHeld know it, the innermost first', async () => {
    const [mine] = twoProcesses();
    expect(mine.current()).toBeUndefined();
    expect(() => {
      mine.assertHeld('import');
    }).toThrow(expect.objectContaining({ code: 'LOCK_NOT_HELD' }));
    await mine.withLock('import', async (outer) => {
      await mine.tryWithLock('cleanup', async (inner) => {
        await Promise.resolve();
        expect(mine.current()).toBe(inner);
        expect(mine.current('import')).toBe(outer);
        mine.assertHeld('import');
        mine.assertHeld('cleanup');
        expect(mine.current('other')).toBeUndefined();
      });
      expect(mine.current()).toBe(outer);
    });
    expect(mine.current('import')).toBeUndefined();
  });

  it('a promise left behind after the release is outside', async () => {
    const [mine, other] = twoProcesses();
    const { opened, open } = gate();
    let leftBehind: Promise<unknown> = Promise.resolve();
    await mine.withLock('import', () => {
      leftBehind = opened.then(() => {
        expect(mine.current()).toBeUndefined();
        return mine.withLock('import', () => 'never');
      });
    });
    await using taken = await other.acquire('import');
    open();
    await expect(leftBehind).rejects.toMatchObject(unavailable);
    expect(taken.isHeld).toBe(true);
  });

  it('an inner body keeps the lock until it ends, even after the outer one', async () => {
    const [mine, other] = twoProcesses();
    const { opened, open } = gate();
    let inner: Promise<unknown> = Promise.resolve();
    await mine.withLock('import', async () => {
      const entered = gate();
      inner = mine.withLock(
        'import',
        async () => {
          entered.open();
          await opened;
          mine.assertHeld('import');
        },
        join,
      );
      await entered.opened;
    });
    expect(await other.isLocked('import')).toBe(true);
    open();
    await inner;
    expect(await other.isLocked('import')).toBe(false);
  });

  it('a lost lock is no longer held, and the name is requested again', async () => {
    const [mine] = twoProcesses();
    await expect(
      mine.withLock('import', async (lock) => {
        const loss = once(lock.signal, 'abort');
        await terminateHolders(database);
        await loss;
        expect(mine.current()).toBe(lock);
        await mine.withLock('import', (again) => {
          expect(again.isHeld).toBe(true);
        });
      }),
    ).rejects.toMatchObject({ code: 'LOCK_LOST' });
  });
});

describe('a thousand locks at once', () => {
  it('cost one connection', async () => {
    const { service } = createLocks(database.url);
    const locks = await Promise.all(Array.from({ length: 1_000 }, (_, n) => service.acquire(`order:${n}`)));
    expect(await database.advisoryLocks()).toHaveLength(1_000);
    expect(await database.connections()).toHaveLength(1);
    await Promise.all(locks.map((lock) => lock.release()));
    expect(await database.advisoryLocks()).toEqual([]);
  });
});
