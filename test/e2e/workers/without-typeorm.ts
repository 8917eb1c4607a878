import Module, { register } from 'node:module';

// An application that cannot find TypeORM. It is hidden before the library is imported.
const hidden = ['typeorm', '@nestjs/typeorm'];
const hook = `
  const hidden = ${JSON.stringify(hidden)};
  export async function resolve(specifier, context, next) {
    if (!hidden.includes(specifier)) return next(specifier, context);
    throw Object.assign(new Error('Cannot find package ' + specifier), { code: 'ERR_MODULE_NOT_FOUND' });
  }
`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
const commonJs = Module as unknown as { _resolveFilename(request: string, ...rest: unknown[]): string };
const resolveFilename = commonJs._resolveFilename.bind(commonJs);
commonJs._resolveFilename = (request, ...rest) => {
  if (!hidden.includes(request)) return resolveFilename(request, ...rest);
  throw Object.assign(new Error(`Cannot find module '${request}'`), { code: 'MODULE_NOT_FOUND' });
};

const { Injectable, Module: NestModule } = await import('@nestjs/common');
const { NestFactory } = await import('@nestjs/core');
const { ScheduleModule } = await import('@nestjs/schedule');
const library = await import('../../../lib/index.js');
const {
  AdvisoryLockModule,
  AdvisoryLockService,
  ExclusiveCron,
  getAdvisoryLockToken,
  OnLeadership,
  WithAdvisoryLock,
} = library;
const { AdvisoryLockDashboardModule } = await import('../../../lib/dashboard/index.js');
const { runCli } = await import('../../../lib/cli/cli.js');
const { until } = await import('../../support/until.js');

const { TEST_URL: url = '' } = process.env;
const { hostname: host, port, username, password, pathname } = new URL(url);
let passwordsRead = 0;
let hasRun = false;
let hasLed = false;

@Injectable()
class Shop {
  @WithAdvisoryLock((id: number) => `order:${id}`)
  pay(id: number): Promise<number> {
    return Promise.resolve(id);
  }

  @WithAdvisoryLock('order', { scope: 'transaction' })
  payInTransaction(): Promise<void> {
    return Promise.resolve();
  }

  @ExclusiveCron('* * * * * *', { tick: 'record', lock: 'report' })
  report(): Promise<void> {
    hasRun = true;
    return Promise.resolve();
  }

  @OnLeadership('feed')
  lead(): void {
    hasLed = true;
  }
}

@NestModule({
  imports: [
    ScheduleModule.forRoot(),
    AdvisoryLockModule.forRoot({ postgres: url }),
    AdvisoryLockModule.forRootAsync({
      name: 'archive',
      useFactory: () =>
        Promise.resolve({
          postgres: {
            host,
            port: Number(port),
            user: decodeURIComponent(username),
            database: pathname.slice(1),
            password: () => {
              passwordsRead += 1;
              return Promise.resolve(decodeURIComponent(password));
            },
          },
        }),
    }),
    AdvisoryLockDashboardModule.forRoot({ public: true }),
  ],
  providers: [Shop],
})
class AppModule {}

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'], abortOnError: false });
await app.listen(0, '127.0.0.1');
const shop = app.get(Shop);
const locks = app.get(AdvisoryLockService);
const archive: typeof locks = app.get(getAdvisoryLockToken('archive'));
const seen = {
  isImported: await Promise.all(hidden.map((name) => import(name).catch(() => false))),
  decorated: await shop.pay(7),
  isExcluded: await locks.withLock('import', () => archive.tryWithLock('import', () => 'both')),
  refused: await Promise.all([
    locks.withTransactionLock('import', () => undefined).catch(codeOf),
    shop.payInTransaction().catch(codeOf),
  ]),
  passwordsRead,
};
await until(() => hasRun && hasLed, 'a tick and a term');
const [run] = await app.get(library.AdvisoryLockCronHistory).runs('report');
const snapshot = await fetch(`${await app.getUrl()}/locks/snapshot`);
const doctor = await locks.diagnose();
const status = await app.get(library.AdvisoryLockHealthIndicator).isReady('locks');
process.env.DATABASE_URL = url;
process.send?.({
  ...seen,
  run: run?.job,
  dashboard: snapshot.status,
  isHealthy: doctor.isHealthy,
  health: status['locks'].status,
  cli: await runCli(['list']),
});
await app.close();
process.disconnect();
