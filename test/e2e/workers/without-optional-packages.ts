import { register } from 'node:module';

// An application that cannot find the optional packages, or in which whoever imports them fails with another
// code. They are hidden before the library is imported.
const failure = process.env.IMPORT_FAILURE ?? 'ERR_MODULE_NOT_FOUND';
const hidden = ['@opentelemetry/api', '@nestjs/event-emitter', 'eventemitter2'];
const hook = `
  const hidden = ${JSON.stringify(hidden)};
  export async function resolve(specifier, context, next) {
    if (!hidden.includes(specifier)) return next(specifier, context);
    throw Object.assign(new Error('Cannot find package ' + specifier), { code: ${JSON.stringify(failure)} });
  }
`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

const { Module } = await import('@nestjs/common');
const { NestFactory } = await import('@nestjs/core');
const { TypeOrmModule } = await import('@nestjs/typeorm');
const { AdvisoryLockEvents, AdvisoryLockModule, AdvisoryLockService } = await import('../../../lib/index.js');

/** The result of the application, or the error of its start. */
async function lockIn(locks: ReturnType<typeof AdvisoryLockModule.forRoot>): Promise<object> {
  @Module({
    imports: [TypeOrmModule.forRoot({ type: 'postgres', url: process.env.TEST_URL ?? '' }), locks],
  })
  class AppModule {}
  try {
    const app = await NestFactory.createApplicationContext(AppModule, {
      logger: ['error', 'warn'],
      abortOnError: false,
    });
    const result = await app.get(AdvisoryLockService).withLock('import', () => 42);
    const { hasListeners } = app.get(AdvisoryLockEvents);
    await app.close();
    return { result, hasListeners };
  } catch (error) {
    const { code, message } = error as Error & { code?: unknown };
    return { code, message };
  }
}

const isImported = await Promise.all(hidden.map((name) => import(name).catch(() => false)));
const byDefault = await lockIn(AdvisoryLockModule.forRoot());
const insisting = await lockIn(AdvisoryLockModule.forRoot({ telemetry: true }));
process.send?.({ isImported, byDefault, insisting });
// TypeORM's pool of the application that did not start.
process.exit();
