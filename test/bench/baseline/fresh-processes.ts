import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { forkModule } from '../../../sample-app/postgres/fork-module.js';
import { measureInRounds } from '../rounds.js';
import { formatCount } from '../table.js';
import type { Build } from './build.js';
import { type CompareBuilds, medianRow, printComparison } from './comparison.js';

const HELD = 10_000;

/** After this a process counts as stuck. */
const PATIENCE_MS = 60_000;

export const compareColdStart: CompareBuilds = async (builds, servers, isQuick) => {
  const rounds = isQuick ? 3 : 11;
  const times = await measureInRounds(builds, rounds, (build) =>
    measureInFreshProcess('./cold-start-process.ts', build, [servers.url('postgres')]),
  );
  printComparison(
    `from NestFactory.createApplicationContext to the first held lock, medians of ${rounds} fresh processes`,
    [medianRow('cold start, ms', '↓', times, (ms) => ms)],
  );
};

export const compareHeap: CompareBuilds = async (builds, servers, isQuick) => {
  const rounds = isQuick ? 3 : 5;
  const sizes = await measureInRounds(builds, rounds, (build) =>
    measureInFreshProcess(
      './heap-process.ts',
      build,
      [servers.url('postgres'), String(HELD)],
      ['--expose-gc'],
    ),
  );
  printComparison(`heap with ${formatCount(HELD)} held locks, medians of ${rounds} fresh processes`, [
    medianRow('bytes per held lock', '↓', sizes, (bytes) => bytes),
  ]);
};

/** The one figure that the program sends. */
async function measureInFreshProcess(
  program: string,
  { title, build }: Build,
  args: string[],
  execArgv: string[] = [],
): Promise<number> {
  const child = forkModule(fileURLToPath(new URL(program, import.meta.url)), args, {
    env: { ...process.env, LIBRARY: build },
    execArgv,
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
  });
  const exited = once(child, 'exit');
  const ended = exited.then(([code, signal]: (number | string | null)[]) => {
    throw new Error(`${program} of the ${title} ended early (${String(code ?? signal)})`);
  });
  const [figure] = (await Promise.race([once(child, 'message'), ended])) as [number];
  child.disconnect();
  await exited;
  return figure;
}
