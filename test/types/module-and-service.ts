import {
  type AdvisoryLock,
  AdvisoryLockModule,
  type AdvisoryLockModuleOptions,
  type AdvisoryLockOptionsFactory,
  AdvisoryLockService,
  InjectAdvisoryLock,
} from 'nestjs-advisory-lock';
import type { ClientConfig } from 'pg';
import { DataSource } from 'typeorm';

declare const clientConfig: ClientConfig;

class OptionsFactory implements AdvisoryLockOptionsFactory {
  createAdvisoryLockOptions(): AdvisoryLockModuleOptions {
    return { namespace: 'shop' };
  }
}

export const modules = [
  AdvisoryLockModule.forRoot(),
  AdvisoryLockModule.forRoot({}),
  AdvisoryLockModule.forRoot({
    name: 'archive',
    isGlobal: false,
    dataSource: DataSource,
    namespace: 'shop',
    keyScheme: (name) => name.length,
    connectionOptions: { url: 'postgres://localhost', ssl: { rejectUnauthorized: false } },
    shutdownTimeoutMs: 0,
    httpStatus: 503,
    exposeLockName: true,
  }),
  AdvisoryLockModule.forRootAsync({ useFactory: () => ({ keyScheme: 'md5-31' }) }),
  AdvisoryLockModule.forRoot({ postgres: 'postgres://localhost/shop' }),
  AdvisoryLockModule.forRoot({ postgres: clientConfig, connectionOptions: { url: undefined } }),
  AdvisoryLockModule.forRoot({ postgres: { host: 'db', password: () => 'fresh', application_name: 'shop' } }),
  AdvisoryLockModule.forRootAsync({ name: 'archive', useFactory: () => ({ postgres: clientConfig }) }),
  // @ts-expect-error 2353 the name of TypeORM
  AdvisoryLockModule.forRoot({ postgres: { url: 'postgres://localhost/shop' } }),
  // @ts-expect-error 2322 a password
  AdvisoryLockModule.forRoot({ postgres: { password: () => 7 } }),
  AdvisoryLockModule.forRootAsync({ name: 'archive', isGlobal: false, useClass: OptionsFactory }),
  AdvisoryLockModule.forRootAsync({ useExisting: OptionsFactory }),

  // @ts-expect-error 2322 a number of milliseconds
  AdvisoryLockModule.forRoot({ shutdownTimeoutMs: '5' }),
  // @ts-expect-error 2561 misspelt
  AdvisoryLockModule.forRoot({ namespaces: 'shop' }),
  AdvisoryLockModule.forRoot({ maxConnections: 4, maxLocks: 1_000, maxLocalHandoffs: 0 }),
  AdvisoryLockModule.forRoot({
    heartbeatMs: 2_000,
    lostAfterMs: 8_000,
    frozenAfterMs: 60_000,
    pooler: 'none',
  }),
  // @ts-expect-error 2820 no such mode
  AdvisoryLockModule.forRoot({ pooler: 'transactions' }),
  // @ts-expect-error 2322 no such scheme
  AdvisoryLockModule.forRoot({ keyScheme: 'sha1' }),
  // @ts-expect-error 2322 not a status for a busy lock
  AdvisoryLockModule.forRoot({ httpStatus: 500 }),
  // @ts-expect-error 2353 these are the library's own
  AdvisoryLockModule.forRoot({ connectionOptions: { synchronize: true } }),
  // @ts-expect-error 2322 the factory returns something else
  AdvisoryLockModule.forRootAsync({ useFactory: () => ({ namespace: 1 }) }),
];

export class Service {
  constructor(
    readonly locks: AdvisoryLockService,
    @InjectAdvisoryLock('archive') readonly archive: AdvisoryLockService,
  ) {}

  @InjectAdvisoryLock()
  readonly byProperty!: AdvisoryLockService;

  async results(): Promise<[string, number, AdvisoryLock | undefined]> {
    const value: string = await this.locks.withLock('a', () => Promise.resolve('1'));
    const sync: number = await this.locks.withLock(1n, ({ name }) => name.length);
    await using lock = await this.locks.acquire([1, 2]);
    lock.assertHeld();
    const outcome = await this.locks.tryWithLock('a', () => 42);
    return [value, outcome.acquired ? outcome.value : sync, await this.locks.tryAcquire('a')];
  }

  async refuses(): Promise<void> {
    const outcome = await this.locks.tryWithLock('a', () => 42);
    // @ts-expect-error 2322 the lock may have been busy
    const value: number = outcome.value;
    // @ts-expect-error 2322 the lock may have been busy
    const lock: AdvisoryLock = await this.locks.tryAcquire(`a ${value}`);
    await this.locks.acquire(lock.name, { waitMs: Infinity, signal: lock.signal });
    await this.locks.acquire(lock.name, { permits: 5 });
    await this.locks.acquire(lock.name, { keyScheme: 'river:7' });
    // @ts-expect-error 2322 no such scheme
    await this.locks.acquire(lock.name, { keyScheme: 'unknown' });
    // @ts-expect-error 2561 misspelt
    await this.locks.acquire(lock.name, { permit: 5 });
    // @ts-expect-error 2345 no name
    await this.locks.isLocked(undefined);
  }
}
