import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestPostgresReport } from './postgres-server.js';

declare global {
  var testPostgres: ChildProcess | undefined;
}

/**
 * The server for the whole run belongs to a process of its own, which takes it down again even when this one
 * is killed. Jest loads this file as CommonJS, where an import of another TypeScript file would not resolve.
 */
export default async function globalSetup(_: unknown, { rootDir }: { rootDir: string }): Promise<void> {
  const child = fork(join(rootDir, 'test/support/postgres-server.ts'), [], {
    cwd: rootDir,
    execArgv: ['--import', './scripts/typescript.mjs'],
    detached: true,
  });
  const ended = once(child, 'exit').then((): TestPostgresReport => ({
    error: 'its process ended too early',
  }));
  const message = once(child, 'message').then(([report]) => report as TestPostgresReport);
  const report = await Promise.race([message, ended]);
  if ('error' in report) throw new Error(`No Postgres for the tests: ${report.error}`);

  process.stderr.write(`Postgres for the tests: ${report.description}\n`);
  process.env.TEST_ADMIN_URL = report.adminUrl;
  process.env.TEST_DATABASE_PREFIX = report.databasePrefix;
  globalThis.testPostgres = child;
  child.unref();
  child.channel?.unref();
}
