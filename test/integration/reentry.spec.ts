import { describe, expect, it } from '@jest/globals';
import { AsyncResource } from 'node:async_hooks';
import { once } from 'node:events';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();
const reentered = { name: 'LockReentryError', code: 'LOCK_REENTERED', lockName: 'import' };
const join = { reentry: 'join' } as const;

const locks = (options: Parameters<typeof createLocks>[1] = {}) => createLocks(database.url, options).service;

/** As the well-known in-memory queues are: one worker, in the context of the call that has woken it. */
class SharedQueue {
  private readonly jobs: (() => Promise<unknown>)[] = [];
  private isWorking = false;

  add<T>(job: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.jobs.push(() => job().then(resolve, reject));
      if (!this.isWorking) void this.work();
    });
  }

  private async work(): Promise<void> {
    this.isWorking = true;
    for (let job = this.jobs.shift(); job !== undefined; job = this.jobs.shift()) await job();
    this.isWorking = false;
  }
}

describe('a request for a lock inside itself', () => {
  it.each([
    ['withLock', true],
    ['tryWithLock', true],
    ['acquire', false],
    ['tryAcquire', false],
  ] as const)('is refused at once, however long it would wait: %s', async (method, hasBody) => {
    const mine = locks();
    const request = mine[method].bind(mine) as (...args: unknown[]) => Promise<unknown>;
    const args = hasBody ? [() => undefined] : [];
    await mine.withLock('import', async (outer) => {
      await expect(request('import', ...args, { waitMs: Infinity })).rejects.toMatchObject(reentered);
      await expect(request(['a', 'import', 'b'], ...args)).rejects.toMatchObject(reentered);
      await expect(request('import', ...args, { mode: 'shared' })).rejects.toMatchObject(reentered);
      await expect(request('import', ...args, { permits: 2 })).rejects.toMatchObject(reentered);
      expect(outer.isHeld).toBe(true);
      expect(await database.advisoryLocks()).toHaveLength(1);
    });
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('is told of with both places, and how to join', async () => {
    const mine = locks();
    const inner = () => mine.tryWithLock(['other', 'import'], () => undefined);
    const error = await mine.withLock('import', inner).catch((refusal: unknown) => refusal);
    expect(error).toMatchObject({
      ...reentered,
      heldBy: expect.stringMatching(/^the body `.*tryWithLock/),
      requestedBy: expect.stringMatching(/reentry\.spec\.ts:\d+:\d+/),
      message: expect.stringMatching(
        /the body `.*` holds it, and .*reentry\.spec\.ts.* requests it.*reentry: 'join'.*AsyncResource\.bind/,
      ),
    });
  });

  it('is refused with any permit of it', async () => {
    const mine = locks();
    const permits = { permits: 3 };
    // The first permit is taken, so the body has another one.
    await using first = await locks().acquire('import');
    expect(first.isHeld).toBe(true);
    const inside = () => expect(mine.acquire('import', permits)).rejects.toMatchObject(reentered);
    await mine.withLock('import', inside, permits);
  });

  it('joins when the call or the module says so, and the call decides', async () => {
    const joining = locks({ reentry: 'join' });
    await joining.withLock('import', async () => {
      expect(await joining.withLock('import', () => 'inside')).toBe('inside');
      await expect(joining.acquire('import', { reentry: 'refuse' })).rejects.toMatchObject(reentered);
    });
    const refusing = locks();
    await refusing.withLock('import', async () => {
      expect(await refusing.withLock('import', () => 'inside', join)).toBe('inside');
    });
  });

  it('is no request for another lock, and none after the release or the loss', async () => {
    const mine = locks();
    let leftBehind: Promise<unknown> = Promise.resolve();
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    await mine.withLock('import', async () => {
      await mine.withLock('other', () => undefined);
      leftBehind = released.then(() => mine.withLock('import', () => 'again'));
    });
    release();
    expect(await leftBehind).toBe('again');
    const afterLoss = mine.withLock('import', async ({ signal }) => {
      const lost = once(signal, 'abort');
      await terminateHolders(database);
      await lost;
      await mine.withLock('import', () => undefined);
    });
    await expect(afterLoss).rejects.toMatchObject({ code: 'LOCK_LOST' });
  });

  it('of a reader beside a reader breaks no promise, and goes on', async () => {
    const mine = locks();
    const shared = { mode: 'shared' } as const;
    const inside = () => mine.withLock('import', () => 'both read', shared);
    expect(await mine.withLock('import', inside, shared)).toBe('both read');
  });

  it.each(['again', 0, null])('has the option reentry, which is not %p', async (reentry) => {
    await expect(locks().acquire('import', { reentry } as object)).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining("`reentry` of acquire() and withLock() must be 'refuse' or 'join'"),
    });
  });
});

describe('a handle that was acquired by hand', () => {
  it('is not the context of what comes after it, where the lock is busy', async () => {
    const mine = locks();
    await using handle = await mine.acquire('import');
    expect(mine.current()).toBeUndefined();
    await expect(mine.acquire('import')).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    expect(handle.isHeld).toBe(true);
  });
});

describe('work of a shared queue', () => {
  /**
   * Two calls add to the queue, each under the lock. The work of the second comes up in the context of
   * the first.
   */
  async function twoCalls(bind: <T>(work: () => T) => () => T) {
    const mine = locks();
    const queue = new SharedQueue();
    let inside = 0;
    let most = 0;
    const underLock = () =>
      mine.withLock(
        'import',
        async () => {
          most = Math.max(most, (inside += 1));
          await database.query('SELECT 1');
          inside -= 1;
        },
        { waitMs: 10_000 },
      );
    let secondWork: Promise<unknown> | undefined;
    let addSecond = (): void => undefined;
    // The second call has a context of its own, outside the lock.
    const second = new Promise<void>((resolve) => {
      addSecond = AsyncResource.bind(() => {
        secondWork = queue.add(bind(underLock)).catch((error: unknown) => error);
        resolve();
      });
    });
    // The first call wakes the queue inside its lock, and is still inside when the work of the second
    // comes up.
    await mine.withLock('import', async () => {
      await queue.add(async () => {
        addSecond();
        await second;
      });
      await database.query('SELECT 1');
      await database.query('SELECT 1');
      expect(inside).toBe(0);
    });
    return { secondWork, most: () => most };
  }

  it('is refused in the context of another call, instead of running beside it', async () => {
    const { secondWork, most } = await twoCalls((work) => work);
    expect(await secondWork).toMatchObject(reentered);
    expect(most()).toBe(0);
  });

  it('waits for its turn when it is bound to the context of its own call', async () => {
    const { secondWork, most } = await twoCalls((work) => AsyncResource.bind(work));
    expect(await secondWork).toBeUndefined();
    expect(most()).toBe(1);
  });
});

describe('a transaction lock inside itself', () => {
  async function transactional() {
    const dataSource = await openDataSource(database.url);
    return { mine: createLocks(database.url, {}, dataSource).service, dataSource };
  }

  it('is refused at once, and the outer transaction goes on', async () => {
    const { mine } = await transactional();
    const value = await mine.withTransactionLock('import', async () => {
      const again = () => mine.withTransactionLock('import', () => 'never', { waitMs: Infinity });
      await expect(again()).rejects.toMatchObject(reentered);
      await expect(mine.tryWithTransactionLock('import', () => 'never')).rejects.toMatchObject({
        heldBy: expect.stringContaining('the body `'),
        requestedBy: expect.stringContaining('reentry.spec.ts'),
      });
      await mine.withTransactionLock('other', () =>
        expect(mine.withTransactionLock('import', () => 'never')).rejects.toMatchObject(reentered),
      );
      return 'committed';
    });
    expect(value).toBe('committed');
  });

  it('is refused inside a session lock, too', async () => {
    const { mine } = await transactional();
    await mine.withLock('import', async () => {
      await expect(mine.withTransactionLock('import', () => 'never')).rejects.toMatchObject(reentered);
      expect(await mine.withTransactionLock('import', () => 'joined', join)).toBe('joined');
    });
  });

  it('may follow another one in the same transaction, whose lock that keeps', async () => {
    const { mine } = await transactional();
    await mine.withTransactionLock('outer', async () => {
      expect(await mine.withTransactionLock('import', () => 1)).toBe(1);
      mine.assertHeld('import');
      expect(await mine.withTransactionLock('import', () => 2)).toBe(2);
    });
  });

  it('is granted by lockInTransaction, as the manager says which transaction is meant', async () => {
    const { mine, dataSource } = await transactional();
    await dataSource.transaction(async (manager) => {
      await mine.lockInTransaction(manager, 'import');
      await mine.lockInTransaction(manager, 'import');
    });
    await mine.withTransactionLock('import', async (manager) => {
      expect(await mine.tryLockInTransaction(manager, 'import')).toBe(true);
    });
  });
});

describe('a leadership', () => {
  it('lets its body take the lock of its name, as the leader has it', async () => {
    const mine = locks();
    const seen = await new Promise((resolve) => {
      const leadership = mine.lead('import', async () => {
        const inside = await mine.withLock('import', () => 'inside').catch((error: unknown) => error);
        const refused = await mine.acquire('import', { reentry: 'refuse' }).catch((error: unknown) => error);
        resolve([inside, refused]);
        void leadership.stop();
      });
    });
    expect(seen).toEqual([
      'inside',
      expect.objectContaining({ ...reentered, heldBy: 'the leadership of "import"' }),
    ]);
  });
});
