import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { FAULT_KINDS, planFaults } from './fault-plan.js';
import { progressLine, table, violations } from './report.js';
import { runTorture } from './run-torture.js';
import { FULL_LOAD } from './wish.js';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } },
});
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
const minutes = Number(values.minutes);
if (!Number.isSafeInteger(seed) || !(minutes > 0)) {
  throw new Error('--seed takes a whole number, and --minutes a number above 0');
}

console.log(`Torture for ${minutes} minutes with the seed ${seed}`);
const fleet = { seed, durationMs: minutes * 60_000, workers: 6, lostAfterMs: 1_200 };
const startedAt = performance.now();
const result = await runTorture({
  ...fleet,
  plan: planFaults({ ...fleet, kinds: FAULT_KINDS, pauseMs: 500 }),
  pooled: 2,
  heartbeatMs: 300,
  load: FULL_LOAD,
  onProgress: (progress) => {
    console.log(progressLine(performance.now() - startedAt, progress));
  },
});
console.log(table(result));

const found = violations(result);
const SHOWN = 20;
for (const violation of found.slice(0, SHOWN)) console.log(violation);
console.log(`${found.length} violations, seed ${seed}`);
if (found.length > 0) process.exitCode = 1;
