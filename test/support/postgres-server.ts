import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { inspect } from 'node:util';
import { choosePostgres, type TestPostgres } from './choose-postgres.js';
import { dropDatabases, serverVersion } from './admin.js';
import { clusterTemplateFolder } from './cluster-template-folder.js';

/*
 * The process that owns the Postgres of a test run, started by global-setup. The channel to its parent closes
 * however the parent ends, and that is when the server, or what the tests made on it, goes away.
 */
export type TestPostgresReport =
  { adminUrl: string; databasePrefix: string; description: string } | { error: string };

const endings = ['disconnect', 'SIGTERM', 'SIGINT', 'SIGHUP'];
const ended = Promise.race(endings.map((event) => once(process, event)));
const report = (message: TestPostgresReport) => {
  if (process.connected) process.send?.(message);
};

const databasePrefix = `advisory_lock_test_${randomBytes(4).toString('hex')}`;
let postgres: TestPostgres | undefined;
try {
  postgres = await choosePostgres();
  const version = await serverVersion(postgres.adminUrl);
  report({
    adminUrl: postgres.adminUrl,
    databasePrefix,
    description: `${postgres.description}, version ${version}`,
  });
  await ended;
  if (postgres.stop === undefined) await dropDatabases(postgres.adminUrl, databasePrefix);
} catch (error) {
  report({ error: `${postgres?.description ?? ''} ${inspect(error)}`.trim() });
  process.exitCode = 1;
} finally {
  await postgres?.stop?.();
  await rm(clusterTemplateFolder(databasePrefix), { recursive: true, force: true });
}
if (process.connected) process.disconnect();
