import type { DynamicModule, INestApplication, ModuleMetadata } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test, type TestingModule, type TestingModuleBuilder } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AdvisoryLockModule } from 'nestjs-advisory-lock';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { defer } from '../../support/cleanup.js';
import type { TestDatabase } from '../../support/test-database.js';
import { LogLines } from './log-lines.js';

export type Platform = 'express' | 'fastify';

/** An application that takes its locks from the default module, and what its log says. */
export function lockedApp(database: TestDatabase, metadata: ModuleMetadata): ModuleMetadata {
  return {
    ...metadata,
    imports: [postgres(database), AdvisoryLockModule.forRoot(), ...(metadata.imports ?? [])],
  };
}

/** Like `TypeOrmModule.forRoot()`, and closed also when the bootstrap fails after it has connected. */
export function postgres(database: TestDatabase, name?: string): DynamicModule {
  return TypeOrmModule.forRootAsync({
    ...(name !== undefined && { name }),
    useFactory: () => ({ type: 'postgres', url: database.url, retryAttempts: 0 }),
    dataSourceFactory: (options) => {
      const dataSource = new DataSource(options as DataSourceOptions);
      const initialized = dataSource.initialize();
      defer(async () => {
        await initialized;
        if (dataSource.isInitialized) await dataSource.destroy();
      });
      return initialized;
    },
  });
}

export interface StartedApp {
  readonly app: TestingModule;
  readonly log: LogLines;
}

/** Without HTTP. It is closed after the test, or after the file when it was started in `beforeAll`. */
export async function start(
  metadata: ModuleMetadata,
  configure: (builder: TestingModuleBuilder) => TestingModuleBuilder = (builder) => builder,
): Promise<StartedApp> {
  const log = new LogLines();
  const app = await configure(Test.createTestingModule(metadata).setLogger(log)).compile();
  const initialized = app.init();
  // Also when init() fails: TypeORM has connected by then. Nest 11 rejects with the same error again.
  defer(async () => {
    const failure: unknown = await initialized.then(
      () => undefined,
      (error: unknown) => error,
    );
    await app.close().catch((error: unknown) => {
      if (failure === undefined || error !== failure) throw error as Error;
    });
  });
  await initialized;
  return { app, log };
}

/** How the bootstrap fails. */
export async function bootstrapError(metadata: ModuleMetadata): Promise<Error> {
  try {
    await start(metadata);
  } catch (error) {
    return error as Error;
  }
  throw new Error('The bootstrap did not fail.');
}

export interface ServedApp {
  readonly app: INestApplication;
  readonly url: string;
  readonly log: LogLines;
}

/** With HTTP on a free port of loopback. */
export async function serve(
  platform: Platform,
  metadata: ModuleMetadata,
  configure: (app: INestApplication) => void = () => undefined,
): Promise<ServedApp> {
  const log = new LogLines();
  const module = await Test.createTestingModule(metadata).setLogger(log).compile();
  const app =
    platform === 'fastify'
      ? module.createNestApplication(new FastifyAdapter({ forceCloseConnections: true }))
      : module.createNestApplication({ forceCloseConnections: true });
  defer(() => app.close());
  configure(app);
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl(), log };
}
