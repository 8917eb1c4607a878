/*
 * `npm run matrix`: runs the smoke program and the core of the tests on combinations of Node, PostgreSQL,
 * Nest and TypeORM, and on Bun and Deno. `--only <id>,<id>` runs some rows, `--furthest` the one in which
 * each version differs from what the library is developed with, and `--write` writes docs/compatibility.md.
 * `--continue` keeps what the rows of earlier runs came to, and runs the others.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { executableOf } from '../smoke/runtimes.js';
import { isGreen, tableOf, type TriedRow, withTable } from './page.js';
import { FURTHEST, hasTypeOrm, type Row, ROWS, runsTests } from './rows.js';
import type { RowOrder, RowOutcome } from './run-row.js';
import { specsFor } from './specs.js';
import { workspaceFor } from './workspace.js';

const PAGE = fileURLToPath(new URL('../../docs/compatibility.md', import.meta.url));
const OUTCOMES = fileURLToPath(new URL('../../node_modules/.cache/matrix.json', import.meta.url));

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    furthest: { type: 'boolean', default: false },
    continue: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const only = values.furthest ? [FURTHEST] : values.only?.split(',');
const rows = ROWS.filter(({ id }) => only?.includes(id) ?? true);
if (rows.length === 0) throw new Error(`--only takes some of ${ROWS.map(({ id }) => id).join(', ')}`);

const outcomes = new Map(values.continue ? await readOutcomes() : []);
for (const row of rows) {
  if (outcomes.has(row.id)) continue;
  const startedAt = performance.now();
  const outcome = await run(row);
  outcomes.set(row.id, outcome);
  await mkdir(join(OUTCOMES, '..'), { recursive: true });
  await writeFile(OUTCOMES, JSON.stringify([...outcomes]));
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(`${row.id}: ${isGreen(outcome) ? 'passed' : 'FAILED'} in ${seconds} s`);
  for (const failure of failuresOf(outcome)) console.error(failure);
}

const tried = (values.write ? ROWS : rows).map((row): TriedRow => ({ row, outcome: outcomes.get(row.id) }));
const table = tableOf(tried);
console.log(`\n${table}`);
if (values.write) await writeFile(PAGE, withTable(await readFile(PAGE, 'utf8'), table));
if (table.includes('No reason is known')) process.exitCode = 1;

async function run(row: Row): Promise<RowOutcome> {
  const executable = await executableOf(row.runtime);
  const folder = await workspaceFor(row);
  const child = fork(join(folder, 'test/matrix/run-row.ts'), {
    execArgv: ['--import', join(folder, 'scripts/typescript.mjs')],
    cwd: folder,
    // Of the workspace, not of this repository.
    env: { ...process.env, SOURCES_ARE_COMPILED: '' },
  });
  child.send({
    executable,
    args: row.runtime.args,
    hasTypeOrm: hasTypeOrm(row),
    specs: runsTests(row) ? specsFor(hasTypeOrm(row)) : [],
  } satisfies RowOrder);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${row.id} has ended with ${String(code)}`);
  });
  ended.catch(() => undefined);
  const [outcome] = (await Promise.race([once(child, 'message'), ended])) as [RowOutcome];
  return outcome;
}

function failuresOf({ esm, cjs, tests }: RowOutcome): string[] {
  return [esm.failure, cjs.failure, ...(tests?.failures ?? [])].filter((failure) => failure !== undefined);
}

async function readOutcomes(): Promise<[string, RowOutcome][]> {
  const text = await readFile(OUTCOMES, 'utf8').catch(() => '[]');
  return JSON.parse(text) as [string, RowOutcome][];
}
