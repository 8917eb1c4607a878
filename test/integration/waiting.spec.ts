import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AdvisoryLock } from '../../lib/core/index.js';
import type { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import { startWorker } from '../support/processes.js';
import { createLocks, type LocksOptions } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();

/** A service as of a process of its own. */
const ofProcess = (options?: LocksOptions): AdvisoryLockService => createLocks(database.url, options).service;

/** Far more than a process takes before another one has its turn. */
const MANY_TURNS = 1_000_000;

const queue = async () => (await database.advisoryLocks()).filter(({ granted }) => !granted);
const untilQueued = (count = 1) =>
  until(async () => (await queue()).length === count, `${count} wait in the queue of Postgres`);

/** When the statements that wait in the queue of Postgres, turn after turn, have begun, the oldest first. */
const waitsSince = async (): Promise<string[]> => {
  const rows = await database.query<{ since: string }>(
    `SELECT query_start::text AS since FROM pg_catalog.pg_stat_activity
      WHERE datname = pg_catalog.current_database() AND state = 'active' AND query LIKE 'DO $wait$%'
      ORDER BY query_start`,
  );
  return rows.map(({ since }) => since);
};

/** A signal, and what aborts it. */
function abortable() {
  const controller = new AbortController();
  const abort = (reason: Error): void => {
    controller.abort(reason);
  };
  return { signal: controller.signal, abort };
}

/** Notes that a lock was granted, and gives it back. */
const noteAndRelease = (log: string[], note: string) => async (lock: AdvisoryLock) => {
  log.push(note);
  await lock.release();
};

describe('waiting inside a process', () => {
  it('is served first come, first served', async () => {
    const mine = ofProcess();
    const held = await mine.acquire('import');
    const log: string[] = [];
    const waiting = Array.from({ length: 40 }, (_, n) =>
      mine
        .acquire('import', { waitMs: n % 2 === 0 ? Infinity : 60_000 })
        .then(noteAndRelease(log, String(n))),
    );
    await held.release();
    await Promise.all(waiting);
    expect(log).toEqual(Array.from({ length: 40 }, (_, n) => String(n)));
  });

  it('is not overtaken by a plain try', async () => {
    const mine = ofProcess();
    const held = await mine.acquire('import');
    const log: string[] = [];
    const waiting = mine.acquire('import', { waitMs: Infinity }).then(noteAndRelease(log, 'waited'));
    const released = held.release();
    expect(await mine.tryAcquire('import')).toBeUndefined();
    await released;
    await waiting;
    expect(log).toEqual(['waited']);
  });

  it('ends with LOCK_TIMEOUT when the time is over, and the others go on', async () => {
    const mine = ofProcess();
    const held = await mine.acquire('import');
    const patient = mine.acquire('import', { waitMs: Infinity });
    await expect(mine.withLock('import', () => 'never', { waitMs: 20 })).rejects.toMatchObject({
      name: 'LockTimeoutError',
      code: 'LOCK_TIMEOUT',
      lockName: 'import',
      waitMs: 20,
    });
    expect(await mine.tryWithLock('import', () => 'never', { waitMs: 5 })).toEqual({ acquired: false });
    await held.release();
    await using lock = await patient;
    expect(lock.isHeld).toBe(true);
  });

  it('ends for any number of calls with one signal, which has one listener', async () => {
    const mine = ofProcess();
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    await using held = await mine.acquire('import');
    const { signal, abort } = abortable();
    const waiting = Array.from({ length: 20_000 }, () =>
      mine.acquire('import', { waitMs: Infinity, signal }),
    );
    const survivor = mine.acquire('import', { waitMs: 60_000 });
    await until(() => getEventListeners(signal, 'abort').length > 0, 'they wait');
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    const settled = Promise.allSettled(waiting);
    const reason = new Error('enough');
    abort(reason);
    const reasons = (await settled).map((outcome): unknown => 'reason' in outcome && outcome.reason);
    expect(new Set(reasons)).toEqual(new Set([reason]));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await held.release();
    await (await survivor).release();
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  it('leaves no listener on a signal that did not abort', async () => {
    const mine = ofProcess();
    const held = await mine.acquire('import');
    const { signal } = abortable();
    const waiting = [1, 2].map(() => mine.withLock('import', () => 1, { waitMs: Infinity, signal }));
    await until(() => getEventListeners(signal, 'abort').length > 0, 'they wait');
    await held.release();
    await Promise.all(waiting);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('ends with the reason of the signal', async () => {
    const mine = ofProcess();
    const held = await mine.acquire('import');
    const controller = new AbortController();
    const waiting = mine.acquire('import', { waitMs: Infinity, signal: controller.signal });
    const reason = new Error('the client has left');
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(mine.acquire('import', { waitMs: 1, signal: controller.signal })).rejects.toBe(reason);
    await held.release();
    // It has no part in a lock that is held.
    const late = new AbortController();
    const lock = await mine.acquire('import', { waitMs: Infinity, signal: late.signal });
    late.abort();
    expect(lock.isHeld).toBe(true);
    await lock.release();
  });

  it('needs no wait inside the lock that it joins', async () => {
    const mine = ofProcess();
    const inner = () => mine.withLock('import', () => 'inside', { waitMs: Infinity, reentry: 'join' });
    expect(await mine.withLock('import', inner, { waitMs: Infinity })).toBe('inside');
  });

  it.each([-1, NaN, '5', 2 ** 31])('refuses waitMs: %p', async (waitMs) => {
    await expect(ofProcess().acquire('import', { waitMs } as object)).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
    });
  });
});

describe('waiting for another process', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('is in the queue of Postgres, and gets the lock when it is released', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    const held = await other.acquire('import');
    const waiting = mine.acquire('import', { waitMs: Infinity });
    await untilQueued();
    await held.release();
    await using lock = await waiting;
    expect(lock.isHeld).toBe(true);
    expect(await other.tryAcquire('import')).toBeUndefined();
  });

  it.each([[5], [-(2n ** 63n)], [2n ** 63n - 1n], [[-(2 ** 31), 2 ** 31 - 1]], [[0, 0]]] as const)(
    'waits for the key %p that is given as such',
    async (name) => {
      const [mine, other] = [ofProcess(), ofProcess()];
      for (const mode of ['exclusive', 'shared'] as const) {
        const held = await other.acquire(name);
        const waiting = mine.acquire(name, { mode, waitMs: Infinity });
        await untilQueued();
        const { classid, objid, objsubid } = held.key;
        const pgMode = mode === 'shared' ? 'ShareLock' : 'ExclusiveLock';
        expect(await queue()).toMatchObject([{ classid, objid, objsubid, mode: pgMode }]);
        await held.release();
        const lock = await waiting;
        expect([String(lock.key), lock.mode]).toEqual([String(held.key), mode]);
        await lock.release();
      }
    },
  );

  it('is queued once for all waiters of a process', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    const held = await other.acquire('import');
    const log: string[] = [];
    const waiting = Array.from({ length: 20 }, (_, n) =>
      mine.acquire('import', { waitMs: Infinity }).then(noteAndRelease(log, String(n))),
    );
    await untilQueued();
    expect(await database.connections()).toHaveLength(3);
    await held.release();
    await Promise.all(waiting);
    expect(log).toEqual(Array.from({ length: 20 }, (_, n) => String(n)));
  });

  it('ends with LOCK_TIMEOUT, and leaves nothing in the queue', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    await using held = await other.acquire('import');
    await expect(mine.acquire('import', { waitMs: 50 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
    expect(await queue()).toEqual([]);
    expect(held.isHeld).toBe(true);
  });

  it('ends with the reason of the signal at once, and leaves nothing in the queue', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    await using held = await other.acquire('import');
    const controller = new AbortController();
    const waiting = mine.acquire('import', { waitMs: Infinity, signal: controller.signal });
    await untilQueued();
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    expect(await queue()).toEqual([]);
    expect(held.isHeld).toBe(true);
  });

  it('keeps its place while the patient go on and the impatient leave', async () => {
    const [mine, other, third] = [ofProcess(), ofProcess(), ofProcess()];
    const held = await other.acquire('import');
    const log: string[] = [];
    const impatience = new AbortController();
    const impatient = mine.acquire('import', { waitMs: Infinity, signal: impatience.signal });
    await untilQueued(1);
    const [first] = await waitsSince();
    const patient = mine.acquire('import', { waitMs: Infinity }).then(noteAndRelease(log, 'mine'));
    const later = third.acquire('import', { waitMs: Infinity }).then(noteAndRelease(log, 'third'));
    await untilQueued(2);
    impatience.abort();
    await expect(impatient).rejects.toMatchObject({ name: 'AbortError' });
    // The order of the grants would say it too, unless a turn has ended meanwhile.
    expect(await waitsSince()).toEqual([first, expect.any(String)]);
    await held.release();
    await Promise.all([patient, later]);
    expect(log.sort()).toEqual(['mine', 'third']);
  });

  it('has its turn though a process hands the lock on inside itself without end', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    let turns = 0;
    let isServed = false;
    const busy = Array.from({ length: 5 }, async () => {
      while (!isServed && turns < MANY_TURNS) {
        await mine.withLock('import', () => (turns += 1), { waitMs: Infinity });
      }
    });
    await until(() => turns > 0, 'the lock is in use');
    await other.withLock('import', () => (isServed = true), { waitMs: Infinity });
    await Promise.all(busy);
    expect(turns).toBeLessThan(MANY_TURNS);
  });

  /** How many of 100 calls of the first are served before one of the second, which waits from the start. */
  async function servedBefore(mine: AdvisoryLockService, other: AdvisoryLockService): Promise<number> {
    const held = await mine.acquire('import');
    const log: string[] = [];
    const waiting = Array.from({ length: 100 }, () =>
      mine.acquire('import', { waitMs: Infinity }).then(noteAndRelease(log, 'mine')),
    );
    const later = other.acquire('import', { waitMs: Infinity }).then(noteAndRelease(log, 'other'));
    await untilQueued();
    await held.release();
    await Promise.all([...waiting, later]);
    return log.indexOf('other');
  }

  it.each([
    ['has its turn after 16 hand-offs that take a millisecond', 1, 16],
    ['waits for all hand-offs of the same millisecond', 0, 100],
  ])('%s', async (_, msPerReading, expected) => {
    let nowMs = performance.now();
    jest.spyOn(performance, 'now').mockImplementation(() => (nowMs += msPerReading));
    expect(await servedBefore(ofProcess(), ofProcess())).toBe(expected);
  });

  it('has its turn after as many hand-offs as were asked for', async () => {
    const [mine, other] = [ofProcess({ maxLocalHandoffs: 20 }), ofProcess()];
    expect(await servedBefore(mine, other)).toBe(20);
  });

  it('has its turn after another process that has waited, too, and hands the lock on', async () => {
    const [mine, other] = [ofProcess({ maxLocalHandoffs: 2 }), ofProcess({ maxLocalHandoffs: 2 })];
    const log: string[] = [];
    const of = (service: AdvisoryLockService, note: string) =>
      Array.from({ length: 6 }, () =>
        service.acquire('import', { waitMs: Infinity }).then(noteAndRelease(log, note)),
      );
    const held = await ofProcess().acquire('import');
    const first = of(mine, 'mine');
    await untilQueued(1);
    const second = of(other, 'other');
    await untilQueued(2);
    await held.release();
    await Promise.all([...first, ...second]);
    // A long wait stands in the queue again each half a second, so the second may have become the first.
    const [one, two] = log[0] === 'mine' ? ['mine', 'other'] : ['other', 'mine'];
    expect(log.slice(0, 6)).toEqual([one, one, one, two, two, two]);
  });

  it.each([1, 2, 3])(
    'gets by with %i connections, however many locks are waited for',
    async (maxConnections) => {
      const [mine, other] = [ofProcess({ maxConnections }), ofProcess()];
      const names = Array.from({ length: 8 }, (_, n) => `lock-${n}`);
      const held = await Promise.all(names.map((name) => other.acquire(name)));
      const waiting = Promise.all(names.map((name) => mine.acquire(name, { waitMs: Infinity })));
      await untilQueued(Math.min(1, maxConnections - 1));
      await Promise.all(held.map((lock) => lock.release()));
      const locks = await waiting;
      const mineOnly = (await database.connections()).length - 1;
      expect(mineOnly).toBeLessThanOrEqual(maxConnections);
      await Promise.all(locks.map((lock) => lock.release()));
      expect(await database.advisoryLocks()).toEqual([]);
    },
  );

  it('gets the lock of a holder whose backend is ended', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    const held = await other.acquire('import');
    const waiting = mine.acquire('import', { waitMs: Infinity });
    await untilQueued();
    const [{ pid } = { pid: 0 }] = (await database.advisoryLocks()).filter(({ granted }) => granted);
    await database.query('SELECT pg_terminate_backend($1)', [pid]);
    await using lock = await waiting;
    expect(lock.isHeld).toBe(true);
    expect(held.isHeld).toBe(false);
  });

  it('begins again when the waiting backend is ended', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    const held = await other.acquire('import');
    const waiting = mine.acquire('import', { waitMs: Infinity });
    await untilQueued();
    const [{ pid } = { pid: 0 }] = await queue();
    await database.query('SELECT pg_terminate_backend($1)', [pid]);
    await until(async () => {
      const [again] = await queue();
      return again !== undefined && again.pid !== pid;
    }, 'another backend waits');
    await held.release();
    await using lock = await waiting;
    expect([lock.isHeld, (await database.advisoryLocks()).map(({ granted }) => granted)]).toEqual([
      true,
      [true],
    ]);
  });

  it('notifies a holder that has waited when its connection ends, and takes the lock again', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    const held = await other.acquire('import');
    const waiting = mine.acquire('import', { waitMs: Infinity });
    await untilQueued();
    await held.release();
    const lock = await waiting;
    const next = mine.acquire('import', { waitMs: Infinity });
    await terminateHolders(database);
    await (await next).release();
    expect(lock.isHeld).toBe(false);
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
  });

  it('is over when the application shuts down', async () => {
    const other = ofProcess();
    const mine = createLocks(database.url);
    await using held = await other.acquire('import');
    const waiting = mine.service.acquire('import', { waitMs: Infinity });
    await untilQueued();
    const closed = mine.close(60_000);
    await expect(waiting).rejects.toMatchObject({ code: 'LOCK_SHUTDOWN' });
    await closed;
    expect(await queue()).toEqual([]);
    expect(held.isHeld).toBe(true);
  });

  it('rejects when the database is away', async () => {
    const { service } = createLocks('postgres://nobody@127.0.0.1:1/nothing');
    const waiting = Array.from({ length: 3 }, () => service.acquire('import', { waitMs: Infinity }));
    for (const outcome of await Promise.allSettled(waiting)) {
      expect(outcome).toMatchObject({ reason: { code: 'LOCK_CONNECTION', lockName: 'import' } });
    }
  });

  it('is given up by the server when the process that waits is killed', async () => {
    const other = ofProcess();
    const held = await other.acquire('import');
    const worker = startWorker(new URL('../e2e/workers/waiter.ts', import.meta.url), {
      env: { TEST_URL: database.url },
      args: ['import'],
    });
    await until(async () => (await queue()).length === 1, 'the process has started and waits', 60_000);
    worker.kill('SIGKILL');
    await until(async () => (await queue()).length === 0, 'the dead waiter has left the queue');
    expect(held.isHeld).toBe(true);
    await held.release();
    // It was not granted to the dead waiter either.
    expect(await database.advisoryLocks()).toEqual([]);
  }, 90_000);
});

describe('a grant in the very moment', () => {
  it('in which the wait is over leaves no lock and no waiter, and is never given twice', async () => {
    const services = [ofProcess(), ofProcess(), ofProcess()];
    let holders = 0;
    let overlaps = 0;
    const outcomes = { granted: 0, timeout: 0, aborted: 0 };
    const contender = async (service: AdvisoryLockService): Promise<void> => {
      for (let round = 0; round < 500; round += 1) {
        const patienceMs = Math.random() * 8;
        const isAbort = Math.random() < 0.5;
        const options = isAbort
          ? { waitMs: Infinity, signal: AbortSignal.timeout(Math.round(patienceMs)) }
          : { waitMs: patienceMs };
        try {
          const lock = await service.acquire('hot', options);
          if (holders > 0) overlaps += 1;
          holders += 1;
          outcomes.granted += 1;
          await sleep(Math.random() * 3);
          holders -= 1;
          await lock.release();
        } catch (error) {
          const { code, name } = error as { code: unknown; name: string };
          if (code === 'LOCK_TIMEOUT' || code === 'LOCK_UNAVAILABLE') outcomes.timeout += 1;
          else if (name === 'TimeoutError') outcomes.aborted += 1;
          else throw error;
        }
      }
    };
    await Promise.all(services.flatMap((service) => [1, 2, 3].map(() => contender(service))));
    expect(overlaps).toBe(0);
    expect(await database.advisoryLocks()).toEqual([]);
    for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(20);
  }, 60_000);
});
