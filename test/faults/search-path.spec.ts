import { beforeAll, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import {
  ADVISORY_LEASE_SQL,
  ADVISORY_LOCK_JOB_PAUSE_SQL,
  ADVISORY_LOCK_JOB_RUN_SQL,
  ADVISORY_ONCE_SQL,
  EXCLUSIVE_CRON_RUN_SQL,
} from 'nestjs-advisory-lock';
import { diagnose } from '../../lib/inspection/diagnose.js';
import { terminateHolders } from '../../lib/inspection/terminate-holders.js';
import { dataSourceDatabase } from '../../lib/lease/application-database.js';
import { LeaseStore } from '../../lib/lease/lease-store.js';
import { preparedHolders } from '../../lib/cli/prepared-holders.js';
import { defer } from '../support/cleanup.js';
import { cli } from '../support/run-cli.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { calledShadows, castShadows } from './support/shadows.js';

const database = useTestDatabase();

/** TypeORM asks these when it connects, and an application has its own. */
const OF_TYPEORM = ['SELECT version()', 'SELECT * FROM current_schema()', 'current_database()'];

async function called(): Promise<string[]> {
  const all = await calledShadows((sql) => database.query(sql));
  return all.filter((call) => !OF_TYPEORM.some((statement) => call.includes(statement)));
}

beforeAll(async () => {
  for (const sql of [
    EXCLUSIVE_CRON_RUN_SQL,
    ADVISORY_LOCK_JOB_RUN_SQL,
    ADVISORY_LOCK_JOB_PAUSE_SQL,
    ADVISORY_LEASE_SQL,
    ADVISORY_ONCE_SQL,
  ])
    await database.query(sql);
  await castShadows(database.url);
});

it('shadows are called by a statement that does not qualify its operators, functions and types', async () => {
  const dataSource = new DataSource({ type: 'postgres', url: database.url });
  await dataSource.initialize();
  defer(() => dataSource.destroy());
  await dataSource.query(`SELECT 1.5::float8 * 2::int4, 1 || 'a'::text, to_timestamp(1) FROM pg_locks`);
  const calls = (await called()).map((call) => call.replace(/ in .*/s, ''));
  expect(calls).toEqual(
    expect.arrayContaining([
      'float8 * int4',
      'int4 || text',
      'to_timestamp',
      'type float8',
      'catalog pg_locks',
    ]),
  );
  await dataSource.query('TRUNCATE public.called');
});

it('nothing that others have created is called, whatever the library does', async () => {
  const dataSource = new DataSource({ type: 'postgres', url: database.url });
  await dataSource.initialize();
  defer(() => dataSource.destroy());
  const { service, engine, fleet, features } = createLocks(database.url, { namespace: 'shop' }, dataSource);
  const other = createLocks(database.url, { namespace: 'shop' });

  await service.withLock('order', async (lock) => {
    await lock.fencingToken();
    expect(await other.service.isLocked('order')).toBe(true);
    const waiting = other.service.withLock('order', () => undefined, { waitMs: 60_000 });
    await until(async () => (await fleet.inspect()).locks.some(({ isGranted }) => !isGranted), 'one waits');
    await lock.release();
    await waiting;
  });
  await service.withLock(['a', 'b', 'c'], () => undefined);
  await service.withLock('report', () => undefined, { mode: 'shared' });
  await service.withLock('mail', () => undefined, { permits: 3 });
  await service.withTransactionLock('account', () => Promise.resolve());
  await dataSource.transaction((manager) => service.lockInTransaction(manager, 'account', { waitMs: 1_000 }));
  await features.jobs.records.check();
  await features.jobs.records.run('daily', Date.now(), 3_600_000, () => Promise.resolve());
  await features.jobs.records.newest('daily', 10);
  const kept = { name: 'daily', atMs: Date.now(), trigger: 'manual', attempt: 1 } as const;
  await features.jobs.history.check('daily');
  await features.jobs.history.keep(kept, 3_600_000, () => Promise.resolve());
  expect(await features.jobs.readRuns('daily', { limit: 10 })).toHaveLength(2);
  expect(await fleet.messages.roles.isOfApplication(engine.backendPids[0] ?? 0)).toBe(true);
  await features.jobs.records.unrecorded('daily', [Date.now()]);
  const lease = await service.lease('document', { ttlMs: 60_000 });
  await lease.extend();
  await (await service.resumeLease('document', lease.token)).release();
  await (await service.lease('document', { ttlMs: 60_000, durable: false })).release();
  const held = await service.lease('document', { ttlMs: 60_000 });
  expect(await features.leases.list('document')).toMatchObject([{ name: 'document' }]);
  expect(await features.leases.list()).toHaveLength(1);
  expect(await features.leases.end(held)).toBe(true);
  await service.withLease('document', () => undefined, { ttlMs: 60_000, respectLeases: true });
  await service.withLock('document', () => undefined, { respectLeases: true });
  const pairs = createLocks(database.url, { keyScheme: () => [1, 2] }, dataSource).service;
  await pairs.withLease('document', () => undefined, { ttlMs: 60_000, respectLeases: true });
  await new LeaseStore(dataSourceDatabase(() => dataSource)).prune();
  await service.once('seed', () => undefined);
  await service.withLock('order', () => undefined, { keyScheme: 'hashtext' });
  const { pauses, cancellations } = features.jobs;
  await pauses.pause('daily', 'incident 7', undefined);
  expect(await pauses.pauseAt('daily', Date.now())).toMatchObject({ reason: 'incident 7' });
  await pauses.resume('daily');
  await cancellations.cancel('daily', 'run', 0);
  expect(await fleet.messages.roles.mayOrder(engine.backendPids[0] ?? 0)).toBe(true);
  for (const command of [
    ['list'],
    ['list', '--leases'],
    ['once', 'list'],
    ['once', 'reset', 'seed'],
    ['jobs'],
    ['pause', 'daily', '--force'],
    ['resume', 'daily'],
  ]) {
    const { status, stderr } = await cli([...command, '--namespace', 'shop'], { DATABASE_URL: database.url });
    expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' });
  }
  await diagnose(engine);
  await preparedHolders(engine, [engine.keys.keyOf('order')]);
  await terminateHolders((statement) => engine.server.query(statement), { pid: 1 });

  expect(await called()).toEqual([]);
});
