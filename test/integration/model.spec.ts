import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { lockCommands } from './model/commands.js';
import { Fleet, type Member } from './model/fleet.js';
import { LockModel } from './model/lock-model.js';

/*
 * Random sequences of what callers can do, in three services, against a model in memory. For longer runs: MODEL_RUNS=1000.
 * A failure prints its shortest sequence, and a seed and a path that `fc.assert` takes to run it again.
 */
const RUNS = Number(process.env['MODEL_RUNS'] ?? 50);
/** A run takes some 100 ms; a failing one is shortened for so long. */
const TIME_LIMIT_MS = 60_000 + RUNS * 500;

const PLAIN_NAMES = ['a', 'b'];
const PERMIT_NAME = 'p';
const PERMITS = 2;
/** Few, so that short sequences get to the end of them. */
const MAX_LOCAL_HANDOFFS = 1;

const database = useTestDatabase();

function createMembers(): (Member & { close(): Promise<void> })[] {
  // The last one has a single connection to wait on, and has to try again and again for what it has none for.
  return [8, 8, 2].map((maxConnections) => {
    const locks = createLocks(database.url, {
      maxConnections,
      maxLocalHandoffs: MAX_LOCAL_HANDOFFS,
    });
    return { service: locks.service, close: () => locks.close(), hasConnections: maxConnections > 2 };
  });
}

it(
  'locks as the model says, over random sequences of trying, waiting, aborting and releasing',
  async () => {
    let members = createMembers();
    let runs = 0;
    const commands = lockCommands({
      services: members.length,
      plainNames: PLAIN_NAMES,
      permitName: PERMIT_NAME,
      permits: PERMITS,
    });
    const property = fc.asyncProperty(commands, async (sequence) => {
      runs += 1;
      const model = new LockModel(MAX_LOCAL_HANDOFFS);
      const names = { plain: PLAIN_NAMES, permits: PERMIT_NAME };
      const fleet = new Fleet(database, members, model, names, PERMITS, `run ${runs} `);
      try {
        await fc.asyncModelRun(() => ({ model, real: fleet }), sequence);
        await fleet.finish();
      } catch (error) {
        // What a failed run has left must not be in the way of the next, shorter one.
        await Promise.all(members.map((member) => member.close()));
        members = createMembers();
        throw error;
      }
    });
    await fc.assert(property, { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS });
    expect(runs).toBe(RUNS);
  },
  TIME_LIMIT_MS + 30_000,
);
