/*
 * `npm run smoke`: runs a small program against the build on Node, Bun and Deno, and compares the table in
 * the docs with the results. `--write` writes it, and `--only node-22,bun` runs some of them.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';
import { compileProgram } from './compile-program.js';
import { runProgram } from './run-program.js';
import { executableOf, RUNTIMES } from './runtimes.js';
import { type Row, tableOf, withTable } from './table.js';

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const PAGE = pathOf('../../docs/platforms.md');
const HALVES = { esm: pathOf('../../dist/esm/index.js'), cjs: pathOf('../../dist/cjs/index.js') };

const { values } = parseArgs({
  options: { only: { type: 'string' }, write: { type: 'boolean', default: false } },
});
const only = values.only?.split(',');
const runtimes = RUNTIMES.filter(({ id }) => only?.includes(id) ?? true);
if (runtimes.length === 0) {
  throw new Error(`--only takes some of ${RUNTIMES.map(({ id }) => id).join(', ')}`);
}

const program = await compileProgram();
const server = await startEmbeddedPostgres();
const rows: Row[] = [];
try {
  for (const runtime of runtimes) {
    const executable = await executableOf(runtime);
    const run = async (half: keyof typeof HALVES) => {
      const env = { ...process.env, SMOKE_LIBRARY: HALVES[half], SMOKE_DATABASE_URL: server.url };
      const result = await runProgram([executable, ...runtime.args, program], env);
      if (result.failure !== undefined) console.error(`${runtime.title}, ${half}:\n${result.failure}`);
      return result;
    };
    rows.push({ title: runtime.title, esm: await run('esm'), cjs: await run('cjs') });
    console.log(tableOf(rows.slice(-1)).split('\n').at(-1));
  }
} finally {
  await server.stop();
}

console.log(`\n${tableOf(rows)}`);
const hasFailed = rows.some(({ esm, cjs }) => esm.failure !== undefined || cjs.failure !== undefined);
const page = await readFile(PAGE, 'utf8');
const expected = withTable(page, tableOf(rows));
const isStale = only === undefined && page !== expected;
if (values.write && only === undefined && !hasFailed) await writeFile(PAGE, expected);
else if (isStale) console.error('The table in docs/platforms.md differs: npm run smoke -- --write');
process.exitCode = hasFailed || (isStale && !values.write) ? 1 : 0;
