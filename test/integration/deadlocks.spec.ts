import { describe, expect, it } from '@jest/globals';
import { LockDeadlockError } from '../../lib/core/index.js';
import { createLocks } from '../support/locks.js';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();
const patient = { waitMs: Infinity } as const;

/** Lets all callers go on when so many of them have arrived. */
function barrier(count: number): () => Promise<void> {
  let arrived = 0;
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return () => {
    arrived += 1;
    if (arrived === count) open();
    return opened;
  };
}

/** Expects that exactly one of the calls rejects, as the victim of a deadlock, and the others go on. */
async function expectOneVictim(calls: Promise<unknown>[]): Promise<LockDeadlockError> {
  const errors = (await Promise.allSettled(calls)).flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
  );
  expect(errors).toEqual([expect.objectContaining({ code: 'LOCK_DEADLOCK' })]);
  // The instance that has ended the deadlock gives the lock for that back just after the call has rejected.
  await until(async () => (await database.advisoryLocks()).length === 0, 'no lock is left');
  return errors[0] as LockDeadlockError;
}

describe('calls of one process that wait crosswise', () => {
  const create = () => createLocks(database.url).service;

  it('are a deadlock of two, and the error names it', async () => {
    const locks = create();
    const meet = barrier(2);
    const inside = (outer: string, inner: string) =>
      locks.withLock(outer, async () => {
        await meet();
        await locks.withLock(inner, () => undefined, patient);
      });
    const error = await expectOneVictim([inside('a', 'b'), inside('b', 'a')]);
    expect(error).toBeInstanceOf(LockDeadlockError);
    const { lockName } = error;
    expect([...error.lockNames].sort()).toEqual(['a', 'b']);
    const other = lockName === 'a' ? 'b' : 'a';
    const requestedBy = expect.stringContaining('the body `') as unknown;
    expect(error.cycle).toEqual([
      { waitsFor: lockName, holds: [other], requestedBy },
      { waitsFor: other, holds: [lockName], requestedBy },
    ]);
    expect(error.message).toContain(`inside "${other}", waits for "${lockName}"`);
  });

  it('are a deadlock of three, of which one asks for several locks', async () => {
    const locks = create();
    const meet = barrier(3);
    const inside = (outer: string, inner: string | string[]) =>
      locks.withLock(outer, async () => {
        await meet();
        await locks.withLock(inner, () => undefined, patient);
      });
    const error = await expectOneVictim([inside('a', ['b', 'x']), inside('b', 'c'), inside('c', 'a')]);
    expect(error.cycle).toHaveLength(3);
  });

  it('are one when a writer waits for one of several readers', async () => {
    const locks = create();
    const meet = barrier(3);
    const shared = { mode: 'shared', ...patient } as const;
    let endOther = (): void => undefined;
    const other = locks.withLock('a', () => new Promise<void>((resolve) => (endOther = resolve)), shared);
    const reader = locks.withLock(
      'a',
      async () => {
        await meet();
        await locks.withLock('b', () => undefined, patient);
      },
      shared,
    );
    const writer = locks.withLock('b', async () => {
      await meet();
      await locks.withLock('a', () => undefined, patient);
    });
    await meet();
    await Promise.race([Promise.allSettled([writer]), Promise.allSettled([reader])]);
    endOther();
    await expectOneVictim([other, reader, writer]);
  });

  it('are one when a writer without locks stands between two readers', async () => {
    const locks = create();
    const meet = barrier(3);
    const shared = { mode: 'shared', ...patient } as const;
    const reader = locks.withLock(
      'a',
      async () => {
        await meet();
        await locks.withLock('b', () => undefined, patient);
      },
      shared,
    );
    const behind = locks.withLock('b', async () => {
      await meet();
      await locks.withLock('a', () => undefined, shared);
    });
    const writer = locks.withLock('a', () => undefined, patient);
    await meet();
    const calls = [reader, behind];
    await Promise.race(calls.map((call) => Promise.allSettled([call])));
    await expectOneVictim([...calls, writer]);
  });

  it('are one when all holders of the permits wait, and not before', async () => {
    const { table, service: locks } = createLocks(database.url);
    const permits = { permits: 2, ...patient } as const;
    const meet = barrier(3);
    let goOn = (): void => undefined;
    const mayGoOn = new Promise<void>((resolve) => (goOn = resolve));
    const inside = (before?: Promise<void>) =>
      locks.withLock(
        'p',
        async () => {
          await meet();
          await before;
          await locks.withLock('x', () => undefined, patient);
        },
        permits,
      );
    const holders = [inside(), inside(mayGoOn)] as const;
    const third = locks.withLock('x', async () => {
      await meet();
      await locks.withLock('p', () => undefined, permits);
    });
    const isWaiting = (): boolean => [...table.blockedCalls.all].some(({ keys }) => keys.length === 2);
    await until(isWaiting, 'the third call waits for a permit');
    goOn();
    const error = await expectOneVictim([...holders, third]);
    expect(error.lockName).toBe('x');
    await expect(holders[1]).rejects.toBe(error);
  });

  it('are none when one of the waits can end', async () => {
    const locks = create();
    const meet = barrier(2);
    const log: string[] = [];
    const one = locks.withLock('a', async () => {
      await meet();
      await locks.withLock('b', () => log.push('one'), patient);
    });
    const two = locks.withLock('b', async (lock) => {
      await meet();
      await lock.release();
      await locks.withLock('a', () => log.push('two'), patient);
    });
    await Promise.all([one, two]);
    expect(log).toEqual(['one', 'two']);
  });

  it('are none when a listener of events has ended one of the waits', async () => {
    const locks = create();
    const given = new AbortController();
    locks.events.on('waiting', ({ lockName }) => {
      if (lockName === 'b') given.abort(new Error('given up'));
      else goOn();
    });
    let goOn = (): void => undefined;
    const isWaitedFor = new Promise<void>((resolve) => (goOn = resolve));
    const meet = barrier(2);
    const one = locks.withLock('a', async () => {
      await meet();
      const wait = locks.acquire('b', { ...patient, signal: given.signal });
      await expect(wait).rejects.toThrow('given up');
      await isWaitedFor;
    });
    const two = locks.withLock('b', async () => {
      await meet();
      await until(() => given.signal.aborted, 'the other wait has ended');
      return locks.withLock('a', () => 'two', patient);
    });
    await one;
    expect(await two).toBe('two');
  });
});

describe('calls of several instances that wait crosswise', () => {
  const instance = (instanceName: string) => createLocks(database.url, { instanceName }).service;

  it('are a deadlock of two, of which one rejects, and the error names both', async () => {
    const [one, two] = [instance('one'), instance('two')] as const;
    const meet = barrier(2);
    const inside = (locks: typeof one, outer: string, inner: string) =>
      locks.withLock(outer, async () => {
        await meet();
        await locks.withLock(inner, () => undefined, patient);
      });
    const { cycle, lockNames } = await expectOneVictim([inside(one, 'a', 'b'), inside(two, 'b', 'a')]);
    expect([...lockNames].sort()).toEqual(['a', 'b']);
    const requestedBy = expect.stringContaining('the body `') as unknown;
    const byInstance = [...cycle].sort((first, second) =>
      String(first.instance).localeCompare(String(second.instance)),
    );
    expect(byInstance).toEqual([
      { instance: 'one', waitsFor: 'b', holds: ['a'], requestedBy },
      { instance: 'two', waitsFor: 'a', holds: ['b'], requestedBy },
    ]);
  });

  it('are a deadlock of processes, too: of two and of three', async () => {
    const worker = new URL('./workers/crosswise.ts', import.meta.url);
    const crosswise = async (names: readonly string[]) => {
      const workers = names.map((name, place) => {
        const inner = names[(place + 1) % names.length] ?? '';
        return startWorker(worker, { args: [database.url, `process ${name}`, name, inner] });
      });
      for (const one of workers) await one.message<{ ready?: true }>(({ ready }) => ready === true);
      for (const one of workers) one.send({});
      const outcomes = await Promise.all(
        workers.map((one) => one.message<{ outcome: object }>((message) => 'outcome' in message)),
      );
      const victims = outcomes.map(({ outcome }) => outcome).filter((outcome) => 'code' in outcome);
      const instances = names.map((name) => expect.objectContaining({ instance: `process ${name}` }));
      expect(victims).toEqual([
        { ran: false, code: 'LOCK_DEADLOCK', cycle: expect.arrayContaining(instances) as unknown },
      ]);
    };
    await Promise.all([crosswise(['a', 'b']), crosswise(['x', 'y', 'z'])]);
  });

  it('are a deadlock of three, with calls of one instance in between', async () => {
    const [one, two, three] = [instance('one'), instance('two'), instance('three')] as const;
    const meet = barrier(4);
    const inside = (locks: typeof one, outer: string, inner: string) =>
      locks.withLock(outer, async () => {
        await meet();
        await locks.withLock(inner, () => undefined, patient);
      });
    const calls = [
      inside(one, 'a', 'b'),
      inside(two, 'b', 'c'),
      inside(two, 'c', 'd'),
      inside(three, 'd', 'a'),
    ];
    const { cycle } = await expectOneVictim(calls);
    expect(cycle.map((call) => call.instance).sort()).toEqual(['one', 'three', 'two', 'two']);
  });

  it('are one through readers and permits', async () => {
    const [one, two] = [instance('one'), instance('two')] as const;
    const meet = barrier(3);
    const permits = { permits: 2, ...patient } as const;
    const reader = one.withLock(
      'a',
      () =>
        one.withLock(
          'p',
          async () => {
            await meet();
            await one.withLock('b', () => undefined, patient);
          },
          permits,
        ),
      { mode: 'shared' },
    );
    const second = two.withLock(
      'p',
      async () => {
        await meet();
        await two.withLock('a', () => undefined, patient);
      },
      permits,
    );
    const third = two.withLock('b', async () => {
      await meet();
      await two.withLock('p', () => undefined, permits);
    });
    await expectOneVictim([reader, second, third]);
  });

  it('are none while one of them waits for a holder that goes on', async () => {
    const [one, two] = [instance('one'), instance('two')] as const;
    const meet = barrier(3);
    let end = (): void => undefined;
    const log: string[] = [];
    const inside = (locks: typeof one, outer: string, inner: string) =>
      locks.withLock(outer, async () => {
        await meet();
        await locks.withLock(inner, () => log.push(inner), patient);
      });
    const last = two.withLock('c', async () => {
      await meet();
      await new Promise<void>((resolve) => (end = resolve));
    });
    const calls = [inside(one, 'a', 'b'), inside(two, 'b', 'c')];
    // Two looks at each of the waits, at least.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(log).toEqual([]);
    end();
    await Promise.all([...calls, last]);
    expect(log).toEqual(['c', 'b']);
  });
});
