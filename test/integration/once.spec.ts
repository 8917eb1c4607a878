import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { ADVISORY_ONCE_SQL, type AdvisoryLockService } from 'nestjs-advisory-lock';
import type { ApplicationDatabase } from '../../lib/lease/application-database.js';
import { OnceRuns } from '../../lib/lease/once/once-runs.js';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { startWorker } from '../support/processes.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

const createService = async (namespace = 'shop'): Promise<AdvisoryLockService> =>
  createLocks(database.url, { namespace }, await openDataSource(database.url)).service;

beforeAll(() => database.query(ADVISORY_ONCE_SQL));
afterEach(() => database.query('TRUNCATE advisory_once'));

describe('what runs once', () => {
  it('runs in one of many calls of several processes, and the others wait for it', async () => {
    const services = await Promise.all([createService(), createService(), createService()]);
    let runs = 0;
    let isDone = false;
    const results = await Promise.all(
      services.flatMap((service) =>
        Array.from({ length: 5 }, async () => {
          const result = await service.once('seed', async () => {
            runs += 1;
            await database.query('SELECT pg_sleep(0.05)');
            isDone = true;
          });
          expect(isDone).toBe(true);
          return result;
        }),
      ),
    );
    expect(runs).toBe(1);
    expect(results.filter(({ ran }) => ran)).toHaveLength(1);
    expect(await database.query('SELECT name, version FROM advisory_once')).toEqual([
      { name: 'shop:seed', version: '' },
    ]);
  });

  it('runs once for each version, name and namespace, and again when its row is deleted', async () => {
    const service = await createService();
    const other = await createService('other');
    const ran: string[] = [];
    const once = async (locks: AdvisoryLockService, name: string, version?: string) => {
      await locks.once(
        name,
        () => ran.push(`${name} ${version ?? ''}`),
        version === undefined ? {} : { version },
      );
    };
    for (const version of [undefined, '1', '2', '1']) await once(service, 'seed', version);
    await once(service, 'plans', '1');
    await once(other, 'seed', '1');
    expect(ran).toEqual(['seed ', 'seed 1', 'seed 2', 'plans 1', 'seed 1']);
    await database.query(`DELETE FROM advisory_once WHERE name = 'shop:seed' AND version = '2'`);
    await once(service, 'seed', '2');
    expect(ran).toHaveLength(6);
  });

  it('runs again after it has failed, with its own error', async () => {
    const service = await createService();
    const failing = service.once('seed', () => Promise.reject(new Error('mine')));
    await expect(failing).rejects.toThrow('mine');
    await expect(service.once('seed', () => undefined)).resolves.toEqual({ ran: true });
  });

  it('counts as not run when its lock was lost meanwhile', async () => {
    const service = await createService();
    const losing = service.once('seed', async ({ signal }) => {
      const lost = new Promise((resolve) => {
        signal.addEventListener('abort', resolve);
      });
      await terminateHolders(database);
      await lost;
    });
    await expect(losing).rejects.toMatchObject({ code: 'LOCK_LOST' });
    await expect(service.once('seed', () => undefined)).resolves.toEqual({ ran: true });
  });

  it('does not begin when its lock is lost while it looks for the row', async () => {
    const { service, engine } = createLocks(database.url);
    const records: Pick<ApplicationDatabase, 'query' | 'tableOf'> = {
      async query<Row>(sql: string, values: readonly unknown[]) {
        const lock = service.current();
        if (lock !== undefined) {
          const lost = once(lock.signal, 'abort');
          await terminateHolders(database);
          await lost;
        }
        return (await database.query(sql, [...values])) as Row[];
      },
      tableOf: (name) => name,
    };
    let hasBegun = false;
    const running = new OnceRuns(engine, records, 'one').run('seed', () => {
      hasBegun = true;
    });
    await expect(running).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(hasBegun).toBe(false);
  });

  it('runs in the next process when the one that runs it is killed', async () => {
    const worker = new URL('./workers/once-runner.ts', import.meta.url);
    const env = { TEST_URL: database.url };
    const first = startWorker(worker, { env: { ...env, TEST_HANGS: 'true' } });
    await first.message<{ started?: boolean }>(({ started }) => started === true);
    const second = startWorker(worker, { env });
    first.kill('SIGKILL');
    await expect(second.message<{ ran?: boolean }>(({ ran }) => ran !== undefined)).resolves.toEqual({
      ran: true,
    });
    await second.exited;
  });

  it('is busy while another call runs it, for a call that does not wait', async () => {
    const [one, other] = [await createService(), await createService()];
    await one.once('seed', async () => {
      const { version, waitMs } = { version: '2', waitMs: 0 };
      const busy = other.once('seed', () => undefined, { version, waitMs });
      await expect(busy).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
      const late = other.once('seed', () => undefined, { waitMs: 20 });
      await expect(late).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
    });
  });

  it.each([{ version: 1 }, { version: 'a\0' }, { version: 'x'.repeat(201) }, { waitMs: -1 }, { ttlMs: 5 }])(
    'is refused with the options %p',
    async (options) => {
      const { service } = createLocks(database.url);
      await expect(service.once('seed', () => undefined, options as object)).rejects.toMatchObject({
        code: 'LOCK_CONFIGURATION',
      });
    },
  );

  it('is refused without its table, with the SQL that makes it, and does not run', async () => {
    const service = await createService();
    await database.query('ALTER TABLE advisory_once RENAME TO away');
    try {
      const refused = service.once('seed', () => {
        throw new Error('it ran');
      });
      await expect(refused).rejects.toMatchObject({
        code: 'LOCK_CONFIGURATION',
        message: expect.stringContaining(ADVISORY_ONCE_SQL.replace(/\s+/g, ' ')),
      });
    } finally {
      await database.query('ALTER TABLE away RENAME TO advisory_once');
    }
  });
});
