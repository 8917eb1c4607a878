import { describe, expect, it } from '@jest/globals';
import { FAULT_KINDS, planFaults, type WorkerFault } from '../torture/fault-plan.js';
import { table, violations } from '../torture/report.js';
import { runTorture } from '../torture/run-torture.js';
import { FULL_LOAD } from '../torture/wish.js';

/** A short run of `npm run torture`, which takes any time and seed. */
const SEED = Number(process.env.TORTURE_SEED ?? 4);
const DURATION_MS = Number(process.env.TORTURE_SECONDS ?? 10) * 1_000;
/** Processes start and servers stop around the run, on a machine that may have other work. */
const TIMEOUT_MS = DURATION_MS + 120_000;

describe('under torture', () => {
  it(
    `never has two holders, and leaves nothing behind (seed ${SEED})`,
    async () => {
      const fleet = { seed: SEED, durationMs: DURATION_MS, workers: 6, lostAfterMs: 1_200 };
      const plan = planFaults({ ...fleet, kinds: FAULT_KINDS, pauseMs: 400 });
      const result = await runTorture({ ...fleet, plan, pooled: 2, heartbeatMs: 300, load: FULL_LOAD });

      process.stderr.write(`torture with the seed ${SEED}\n${table(result)}\n`);
      expect(violations(result)).toEqual([]);
      // A run in which nothing happened would prove nothing.
      expect(result.made.length).toBeGreaterThan(5);
      expect(result.tokens.checked).toBeGreaterThan(50);
    },
    TIMEOUT_MS,
  );

  it(
    'has a checker that finds two holders where connections have no listener',
    async () => {
      const result = await runTorture({
        seed: SEED,
        durationMs: 6_500,
        workers: 4,
        pooled: 0,
        plan: [...silences(300, [0, 1]), ...silences(3_400, [2, 3])],
        heartbeatMs: null,
        lostAfterMs: 500,
        // So that holders that the server has forgotten still hold when others ask for the same lock.
        load: { orders: 6, desks: 2, longShare: 0.5, longestMs: 4_000 },
      });
      expect(result.overlaps).not.toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'has a checker that finds two holders of raw session locks through PgBouncer in transaction mode',
    async () => {
      const result = await runTorture({
        seed: SEED,
        durationMs: 2_000,
        workers: 3,
        pooled: 3,
        plan: [],
        heartbeatMs: 300,
        lostAfterMs: 1_200,
        load: FULL_LOAD,
        program: new URL('../torture/naive-worker.ts', import.meta.url),
      });
      expect(result.overlaps).not.toEqual([]);
      // An unlock through another backend leaves the lock with the pooler.
      expect(result.leftovers).not.toEqual([]);
    },
    TIMEOUT_MS,
  );
});

/** Long enough for the server to end the sessions, and for others to take their locks. */
function silences(atMs: number, workers: readonly number[]): WorkerFault[] {
  return workers.map((worker) => ({
    kind: 'silence both ways',
    atMs,
    worker,
    durationMs: 2_900,
    choice: 0,
  }));
}
