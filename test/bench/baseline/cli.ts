import { spawnSync } from 'node:child_process';
import { measureInRounds } from '../rounds.js';
import type { Build } from './build.js';
import { type CompareBuilds, medianRow, printComparison } from './comparison.js';

const PEAK_MEMORY = new URL('./report-peak-memory.mjs', import.meta.url).href;

export const compareCli: CompareBuilds = async (builds, _servers, isQuick) => {
  const rounds = isQuick ? 5 : 15;
  const runs = await measureInRounds(builds, rounds, (build) => Promise.resolve(measureCli(build)));
  printComparison(`the process of \`nestjs-advisory-lock key x\`, medians of ${rounds} runs`, [
    medianRow('wall time, ms', '↓', runs, ({ wallMs }) => wallMs),
    medianRow('peak memory, MiB', '↓', runs, ({ peakMiB }) => peakMiB),
  ]);
};

/** Two runs, as reporting the memory takes time. */
function measureCli(build: Build): { wallMs: number; peakMiB: number } {
  const start = performance.now();
  run(build, []);
  const wallMs = performance.now() - start;
  return { wallMs, peakMiB: Number(run(build, ['--import', PEAK_MEMORY])) / 1024 };
}

/** What the process wrote to its file descriptor 3. */
function run({ title, cli }: Build, nodeArgs: string[]): string {
  const { status, error, output } = spawnSync(process.execPath, [...nodeArgs, cli, 'key', 'x'], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  const [, , stderr, reported] = output as readonly (string | null)[];
  if (status !== 0) {
    throw new Error(`\`key x\` of the ${title} failed (${String(status)}): ${stderr ?? ''}`, {
      cause: error,
    });
  }
  return reported ?? '';
}
