import { describe, expect, it } from '@jest/globals';
import { AdvisoryLockInspector } from '../../lib/advisory-lock-inspector.js';
import { createLocks, type LocksOptions } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();

/** So long that a test fails which only goes on because the time is over. */
const withinMs = 30_000;
const fleetWithinMs = withinMs;

function instance(instanceName: string, options: LocksOptions = {}) {
  const locks = createLocks(database.url, { ...options, instanceName });
  return { ...locks, inspector: new AdvisoryLockInspector(locks.service) };
}

/** One that has connected, and so listens. */
async function upInstance(name: string, options?: LocksOptions): Promise<ReturnType<typeof instance>> {
  const created = instance(name, options);
  await created.inspector.list();
  return created;
}

describe('without asking', () => {
  it('it is known which instance holds a lock', async () => {
    const [one, other] = [instance('web-1:1'), instance('web-2:1')];
    await using lock = await one.service.acquire('import');
    expect(await other.inspector.list()).toMatchObject([
      {
        key: { id: String(lock.key) },
        instance: 'web-1:1',
        backend: { instance: 'web-1:1', applicationName: 'nestjs-advisory-lock web-1:1' },
      },
    ]);
  });
});

describe('the fleet', () => {
  it('tells names, since when a lock is held, and how many calls wait', async () => {
    const [asker, holder, waiter] = [
      await upInstance('asker'),
      await upInstance('holder'),
      await upInstance('waiter'),
    ];
    const lock = await holder.service.acquire('daily-report');
    const waits = [1, 2, 3].map(() => waiter.service.acquire('daily-report', { waitMs: Infinity }));
    waits.push(holder.service.acquire('daily-report', { waitMs: Infinity }));
    await until(async () => (await asker.inspector.list({ isGranted: false })).length === 1, 'it waits');
    expect((await asker.inspector.list())[0]).not.toHaveProperty('name');

    expect(await asker.inspector.list({ fleetWithinMs })).toMatchObject([
      {
        name: 'daily-report',
        instance: 'holder',
        isGranted: true,
        heldMs: expect.any(Number),
        callsWaiting: 1,
      },
      { name: 'daily-report', instance: 'waiter', isGranted: false, callsWaiting: 3 },
    ]);
    // What was told is remembered.
    expect(await asker.inspector.list()).toMatchObject([{ name: 'daily-report' }, { name: 'daily-report' }]);
    const { edges } = await asker.inspector.graph({ fleetWithinMs });
    expect(edges).toMatchObject([{ name: 'daily-report', because: 'holds' }]);

    const served = Promise.all(waits.map(async (wait) => (await wait).release()));
    await lock.release();
    await served;
  });
});
