import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../../sample-app/postgres/embedded-postgres.js';
import { serverVersion } from '../../support/admin.js';
import { drawChart } from './chart.js';
import { figuresBetween, type MeasuredCell } from './figures.js';
import { toMarkdown } from './markdown.js';
import { ScaleFleet } from './scale-fleet.js';

/*
 * What a fleet costs, as it grows: CPU of the server and of an instance, statements and bytes a second.
 *
 *   npm run scale -- --svg docs/scale.svg
 */

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1,10,50' },
    jobs: { type: 'string', default: '10,100' },
    seconds: { type: 'string', default: '18' },
    svg: { type: 'string' },
  },
});
const [sizes, jobCounts, [seconds = NaN]] = [values.sizes, values.jobs, values.seconds].map(readNumbers) as [
  number[],
  number[],
  number[],
];

/** Every 6 s have the same number of ticks, as 10 and 100 jobs have theirs evenly spread over a minute. */
if (seconds % 6 !== 0) throw new Error(`--seconds must be a multiple of 6, received ${values.seconds}`);

/** After the last instance has connected, and after the first hot key is taken. */
const SETTLING_MS = 8_000;

/** Of which each instance opens no more than four, and some in reserve. */
const MAX_CONNECTIONS = 4 * Math.max(...sizes) + 50;

function readNumbers(list: string): number[] {
  const numbers = list.split(',').map(Number);
  if (numbers.every((each) => Number.isInteger(each) && each > 0)) return numbers;
  throw new Error(`Sizes, jobs and seconds must be whole numbers, received ${JSON.stringify(list)}`);
}

async function measureCells(url: string, instances: number, jobs: number): Promise<MeasuredCell[]> {
  const fleet = await ScaleFleet.start(url, instances, jobs);
  const measured: MeasuredCell[] = [];
  try {
    for (const load of ['idle', 'hot'] as const) {
      if (load === 'hot') fleet.heat();
      await sleep(SETTLING_MS);
      const before = await fleet.read();
      await sleep(seconds * 1_000);
      const figures = figuresBetween(before, await fleet.read(), instances);
      measured.push({ instances, jobs, load, figures });
      warnOfMissing(measured.at(-1));
    }
  } finally {
    await fleet.stop();
  }
  return measured;
}

/** A fleet that does not run its jobs costs too little. */
function warnOfMissing(cell: MeasuredCell | undefined): void {
  if (cell === undefined) return;
  const { instances, jobs, load, figures } = cell;
  const share = figures.runs / (jobs / 60);
  console.log(
    `${instances} instances, ${jobs} jobs, ${load}: ${(share * 100).toFixed(0)} % of the ticks ran` +
      (share < 0.9 ? ': the machine is too busy for these figures' : ''),
  );
}

const { version: pg } = createRequire(import.meta.url)('pg/package.json') as { version: string };
const server = await startEmbeddedPostgres({ postgresFlags: ['-c', `max_connections=${MAX_CONNECTIONS}`] });
try {
  const versions = `node ${process.version}, pg ${pg}, PostgreSQL ${await serverVersion(server.url)}`;
  const load = loadavg()[0]?.toFixed(1) ?? '';
  console.log(`${versions}, ${availableParallelism()} cores, load average before the run ${load}\n`);
  const cells: MeasuredCell[] = [];
  for (const jobs of jobCounts)
    for (const size of sizes) cells.push(...(await measureCells(server.url, size, jobs)));
  console.log(`\n${toMarkdown(cells)}`);
  if (values.svg !== undefined) writeFileSync(values.svg, drawChart(cells));
} finally {
  await server.stop();
}
