/*
 * `npm run migrators`: starts the same pending migrations in four processes at once, by each tool, without
 * and with `nestjs-advisory-lock run`, and prints what docs/transactions.md says. `--only knex,umzug` runs
 * some. One of the tools needs Node 22.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compiled } from '../../scripts/compiled.mjs';
import { startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';
import { withClient } from '../support/admin.js';

const INSTANCES = 4;
const RUNS = 3;

/** How many steps there are; the first one has been run before, so that the tables of the tool are there. */
const STEPS = 3;

/** The tools, and the packages that they are known by. */
const TOOLS: Readonly<Record<string, string>> = {
  knex: 'knex',
  kysely: 'kysely',
  'postgres-migrations': 'postgres-migrations',
  typeorm: 'typeorm',
  drizzle: 'drizzle-orm',
  'mikro-orm': '@mikro-orm/migrations',
  umzug: 'umzug',
  'node-pg-migrate': 'node-pg-migrate',
};

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const CLI = compiled(pathOf('../../lib/cli/main.ts'));
const UNDER_LOCK = [CLI, 'run', 'migrations', '--wait', '10m', '--', process.execPath];

interface Outcome {
  /** How many of the processes have ended with the status 0. */
  readonly ended: number;
  /** Whether each step has run once. */
  readonly isMigrated: boolean;
  /** The last lines of what the others have printed. */
  readonly errors: readonly string[];
}

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const folder = await install();
const server = await startEmbeddedPostgres();
const { dependencies } = JSON.parse(await readFile(pathOf('tools/package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};
try {
  console.log(`| tool | alone | under the lock | the others, alone |\n|---|---|---|---|`);
  for (const [tool, name] of Object.entries(TOOLS)) {
    if (values.only?.split(',').includes(tool) === false) continue;
    const alone = await outcomes(tool, []);
    const locked = await outcomes(tool, UNDER_LOCK);
    const errors = [...new Set(alone.flatMap((outcome) => outcome.errors))].join('; ');
    console.log(
      `| ${name} ${dependencies[name] ?? ''} | ${summary(alone)} | ${summary(locked)} | ${errors} |`,
    );
    for (const error of new Set(locked.flatMap((outcome) => outcome.errors))) console.error(error);
  }
} finally {
  await server.stop();
}

/** The packages and the programs beside each other, in the cache of the user. */
async function install(): Promise<string> {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const target = join(cache, 'nestjs-advisory-lock', 'migrators');
  await mkdir(target, { recursive: true });
  const wanted = await readFile(pathOf('tools/package.json'), 'utf8');
  const installed = await readFile(join(target, 'package.json'), 'utf8').catch(() => undefined);
  await cp(pathOf('tools'), target, { recursive: true });
  if (installed !== wanted || !existsSync(join(target, 'node_modules'))) {
    const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--legacy-peer-deps'];
    execFileSync('npm', ['install', ...flags], { cwd: target, stdio: ['ignore', 'ignore', 'inherit'] });
  }
  return target;
}

async function outcomes(tool: string, under: readonly string[]): Promise<Outcome[]> {
  const all: Outcome[] = [];
  for (let run = 0; run < RUNS; run++) all.push(await atOnce(tool, under));
  return all;
}

/** One run, on a database of its own. */
async function atOnce(tool: string, under: readonly string[]): Promise<Outcome> {
  const database = `migrate_${tool.replaceAll('-', '_')}`;
  await withClient(server.url, async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${database} TEMPLATE template0`);
  });
  const url = new URL(server.url);
  url.pathname = `/${database}`;
  const [first] = await migrateBy(tool, 1, url.href, 1, []);
  if (first?.status !== 0) throw new Error(`${tool} cannot migrate at all: ${first?.printed ?? ''}`);
  const ended = await migrateBy(tool, STEPS, url.href, INSTANCES, under);
  const isMigrated = await withClient(url.href, async (client) => {
    const { rows } = await client.query(`SELECT FROM pg_class WHERE relname = 'second'`);
    return rows.length === 1 && (await client.query('SELECT FROM second')).rows.length === 1;
  });
  const failed = ended.filter(({ status }) => status !== 0);
  return {
    ended: ended.length - failed.length,
    isMigrated,
    errors: failed.map(({ printed }) => /^\w*(?:error|Error|Exception): .*/m.exec(printed)?.[0] ?? printed),
  };
}

async function migrateBy(
  tool: string,
  steps: number,
  url: string,
  instances: number,
  under: readonly string[],
): Promise<{ status: number | null; printed: string }[]> {
  const program = [join(folder, 'run.mjs'), tool, String(steps)];
  const processes = Array.from({ length: instances }, () => {
    const child = spawn(process.execPath, [...under, ...program], {
      env: { ...process.env, DATABASE_URL: url },
    });
    let printed = '';
    child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    const closed = once(child, 'close').then(() => ({ status: child.exitCode, printed }));
    return { child, ready: Promise.race([once(child.stdout, 'data'), closed]), closed };
  });
  // Under the lock a program starts when the one before it has ended.
  if (under.length === 0) await Promise.all(processes.map(({ ready }) => ready));
  for (const { child } of processes) child.stdin.end('go\n');
  return Promise.all(processes.map(({ closed }) => closed));
}

/** Such as `4 of 4`, or `1 to 2 of 4`. */
function summary(all: readonly Outcome[]): string {
  const counts = all.map(({ ended }) => ended);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const range = least === most ? String(least) : `${least} to ${most}`;
  const notMigrated = all.filter(({ isMigrated }) => !isMigrated).length;
  const hint = notMigrated === 0 ? '' : `, not migrated in ${notMigrated} of ${all.length} runs`;
  return `${range} of ${INSTANCES}${hint}`;
}
