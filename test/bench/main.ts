import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { serverVersion } from '../support/admin.js';
import { RIVALS, type ServerKind, THIS_LIBRARY } from './contender.js';
import { installRivals } from './rivals.js';
import { runRounds } from './rounds.js';
import { RunningContender } from './running-contender.js';
import { redisVersion, startPostgres, startRedis } from './servers.js';
import { printTable } from './table.js';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const levels = [1, 10, 100, 1000];
const plan = values.quick ? { levels, rounds: 3, durationMs: 150 } : { levels, rounds: 9, durationMs: 500 };

installRivals();
const redis = redisVersion();
const rivals = RIVALS.filter(({ server }) => server === 'postgres' || redis !== undefined);
if (redis === undefined) console.log('No redis-server is installed: the libraries for Redis are left out.');

const { version: pgVersion } = createRequire(import.meta.url)('pg/package.json') as { version: string };
const closing: (() => Promise<unknown>)[] = [];
try {
  const postgresServer = await startPostgres();
  closing.unshift(() => postgresServer.stop());
  const urls = new Map<ServerKind, string>([['postgres', postgresServer.url]]);
  if (redis !== undefined) {
    const redisServer = await startRedis();
    closing.unshift(() => redisServer.stop());
    urls.set('redis', redisServer.url);
  }

  const contenders: RunningContender[] = [];
  for (const info of [THIS_LIBRARY, ...rivals]) {
    const contender = await RunningContender.start(info, urls.get(info.server) ?? '');
    closing.unshift(() => contender.stop());
    contenders.push(contender);
  }

  const versions = [
    `node ${process.version}`,
    `pg ${pgVersion}`,
    `PostgreSQL ${await serverVersion(postgresServer.url)}`,
    ...(redis === undefined ? [] : [`Redis ${redis}`]),
  ];
  console.log(`${versions.join(', ')}\n`);
  printTable(await runRounds(contenders, plan), rivals, plan);
} finally {
  for (const close of closing) await close();
}
