import { describe, expect, it } from '@jest/globals';
import { FAULT_KINDS, planFaults, type WorkerFault } from '../torture/fault-plan.js';

const options = {
  seed: 1,
  durationMs: 600_000,
  workers: 6,
  kinds: FAULT_KINDS,
  lostAfterMs: 1_200,
  pauseMs: 500,
};

const workerFaults = planFaults(options).filter((fault): fault is WorkerFault => 'worker' in fault);

describe('the plan of faults', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(planFaults(options)).toEqual(planFaults(options));
    expect(planFaults(options)).not.toEqual(planFaults({ ...options, seed: 2 }));
  });

  it('has every kind of fault, for every worker', () => {
    expect(new Set(planFaults(options).map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS));
    expect(new Set(workerFaults.map(({ worker }) => worker)).size).toBe(6);
  });

  it('has only the kinds that are asked for', () => {
    const kinds = new Set(
      planFaults({ ...options, kinds: ['cut', 'crash of the server'] }).map(({ kind }) => kind),
    );
    expect(kinds).toEqual(new Set(['cut', 'crash of the server']));
    expect(planFaults({ ...options, kinds: [] })).toEqual([]);
  });

  it('lets a worker bear one fault at a time, and ends all in time', () => {
    for (let worker = 0; worker < 6; worker += 1) {
      const own = workerFaults.filter((fault) => fault.worker === worker);
      for (const [index, { atMs }] of own.entries()) {
        const before = own[index - 1];
        if (before !== undefined) expect(atMs).toBeGreaterThan(before.atMs + before.durationMs);
      }
    }
    const endsMs = workerFaults.map(({ atMs, durationMs }) => atMs + durationMs);
    expect(Math.max(...endsMs)).toBeLessThanOrEqual(options.durationMs);
  });

  it('has silences that are shorter than a loss takes, and longer ones', () => {
    const durations = workerFaults
      .filter(({ kind }) => kind === 'silence both ways')
      .map(({ durationMs }) => durationMs);
    expect(Math.min(...durations)).toBeLessThan(options.lostAfterMs / 2);
    expect(Math.max(...durations)).toBeGreaterThan(options.lostAfterMs * 2);
  });
});
