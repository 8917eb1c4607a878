import { beforeAll, describe, expect, it } from '@jest/globals';
import { type DynamicModule, Injectable } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  ADVISORY_LEASE_SQL,
  AdvisoryLockCronHistory,
  AdvisoryLockModule,
  type AdvisoryLockModuleOptions,
  AdvisoryLockService,
  EXCLUSIVE_CRON_RUN_SQL,
  ExclusiveCron,
} from 'nestjs-advisory-lock';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { bootstrapError, postgres, start } from './support/applications.js';

const database = useTestDatabase();

beforeAll(async () => {
  const inSales = `SET search_path = sales; ${EXCLUSIVE_CRON_RUN_SQL}; RESET search_path`;
  await database.query(`${EXCLUSIVE_CRON_RUN_SQL}; CREATE SCHEMA sales; ${inSales}`);
});

it('locks, schedules, leads, records and serves the dashboard where TypeORM is not installed', async () => {
  const module = new URL('./workers/without-typeorm.ts', import.meta.url);
  const worker = startWorker(module, { env: { TEST_URL: database.url } });
  expect(await worker.message(() => true)).toEqual({
    isImported: [false, false],
    decorated: 7,
    isExcluded: { acquired: false },
    refused: ['LOCK_CONFIGURATION', 'LOCK_CONFIGURATION'],
    // The lock connection, and the one that proves that locks exclude each other.
    passwordsRead: 2,
    run: 'report',
    dashboard: 200,
    isHealthy: true,
    health: 'up',
    cli: 0,
  });
  // Nothing keeps it alive after the shutdown.
  expect(await worker.exited).toMatchObject({ code: 0 });
  expect(worker.output).toMatch(/feed/);
  expect(worker.output).not.toMatch(/WARN|ERROR/);
});

describe('an application with the option `postgres`', () => {
  it('may use TypeORM beside it, whose data source it leaves alone', async () => {
    const { app } = await start({
      imports: [
        postgres(database, 'other'),
        AdvisoryLockModule.forRoot({ postgres: { connectionString: database.url } }),
      ],
    });
    const locks = app.get(AdvisoryLockService);
    expect(await locks.withLock('import', () => 1)).toBe(1);
    await expect(locks.withTransactionLock('import', () => 1)).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringMatching(/TypeORM data source.*lockInTransaction\(tx, name\)/),
    });
  });

  it('goes around a pooler by connectionOptions', async () => {
    const { app, log } = await start({
      imports: [
        AdvisoryLockModule.forRoot({
          name: 'far',
          postgres: 'postgres://app:wrong@127.0.0.1:1/nothing',
          connectionOptions: { url: database.url },
        }),
      ],
    });
    expect(app).toBeDefined();
    expect(log.lines.join('\n')).toContain(`far (database "${database.name}"): `);
    expect(log.lines.join('\n')).not.toContain('default data source');
  });

  it('records runs in the schema of the address', async () => {
    let runs = 0;
    @Injectable()
    class Reports {
      @ExclusiveCron('* * * * * *', { tick: 'record', lock: 'sales' })
      report(): Promise<void> {
        runs += 1;
        return Promise.resolve();
      }
    }
    const { app } = await start({
      imports: [
        ScheduleModule.forRoot(),
        AdvisoryLockModule.forRoot({ postgres: `${database.url}?schema=sales` }),
      ],
      providers: [Reports],
    });
    await until(() => runs > 0, 'a tick');
    expect(await app.get(AdvisoryLockCronHistory).last('sales')).toMatchObject({ job: 'sales' });
    expect(await database.query(`SELECT DISTINCT job FROM sales.exclusive_cron_run`)).toEqual([
      { job: 'sales' },
    ]);
  });

  it('takes leases, on the connections that write its records', async () => {
    await database.query(ADVISORY_LEASE_SQL);
    const { app } = await start({ imports: [AdvisoryLockModule.forRoot({ postgres: database.url })] });
    const locks = app.get(AdvisoryLockService);
    const lease = await locks.lease('doc', { ttlMs: 60_000 });
    await expect(locks.lease('doc', { ttlMs: 60_000 })).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    await lease.extend();
    await lease.release();
    const again = await locks.lease('doc', { ttlMs: 60_000 });
    expect(again.fencingToken).toBeGreaterThan(lease.fencingToken);
    await again.release();
  });

  it('refuses a job with a record where the table is missing', async () => {
    @Injectable()
    class Reports {
      @ExclusiveCron('0 0 29 2 *', { tick: 'record' })
      async report(): Promise<void> {}
    }
    const locks = AdvisoryLockModule.forRoot({ postgres: `${database.url}?schema=nowhere` });
    const error = await bootstrapError({ imports: [ScheduleModule.forRoot(), locks], providers: [Reports] });
    expect(error).toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining('EXCLUSIVE_CRON_RUN_SQL'),
    });
  });

  it.each<[string, AdvisoryLockModuleOptions, RegExp]>([
    ['both', { postgres: 'postgres://db', dataSource: 'main' }, /both options `postgres` and `dataSource`/],
    ['neither', {}, /no default data source.*option `postgres`/],
    ['undefined', { postgres: undefined } as object, /`postgres` \(undefined counts as left out\)/],
    ['an empty text', { postgres: '' }, /`postgres` .*must be a connection string/],
    ['another scheme', { postgres: 'mysql://ann:hunter2@db/shop' }, /begins with mysql:/],
    ['fields of TypeORM', { postgres: { url: 'postgres://ann:hunter2@db' } as object }, /`connectionString`/],
  ])('does not start with %s, and says what cures it', async (_, options, expected) => {
    for (const locks of modulesOf(options)) {
      const error = await bootstrapError({ imports: [locks] });
      expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION', message: expect.stringMatching(expected) });
      expect(error.message).not.toContain('hunter2');
    }
  });
});

function modulesOf(options: AdvisoryLockModuleOptions): DynamicModule[] {
  return [
    AdvisoryLockModule.forRoot(options),
    AdvisoryLockModule.forRootAsync({ useFactory: () => options }),
  ];
}
