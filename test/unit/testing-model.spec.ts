import { it } from '@jest/globals';
import { MemoryServer } from '../../lib/testing/memory-server.js';
import { type ModelSubject, runModelOn, runScriptsOn, timeLimitMs } from '../integration/model/run-model.js';
import { createLocks } from '../support/locks.js';

/*
 * The model test of test/integration/model.spec.ts on the server in memory, so that the test double cannot
 * drift apart from Postgres.
 */
const RUNS = Number(process.env['MODEL_RUNS'] ?? 50);

function inMemory(): ModelSubject {
  const memory = new MemoryServer();
  return {
    server: {
      advisoryLocks: () =>
        Promise.resolve(
          memory.locks.rows.map(({ key: { classid, objid, objsubid }, isGranted: granted }) => ({
            classid,
            objid,
            objsubid,
            granted,
          })),
        ),
      async terminate(pids) {
        const ending = memory.backends.filter(({ pid }) => pids.includes(pid));
        for (const backend of ending) backend.fail(new Error('terminated'));
        await Promise.all(ending.map(({ ended }) => ended));
      },
    },
    hasLosses: true,
    createLocks: ({ maxConnections, ...options }) =>
      createLocks('postgres://memory', {
        ...options,
        connections: memory.connectionsOf('memory', maxConnections),
      }),
  };
}

it(
  'the double locks as the model says, over random sequences',
  () => runModelOn(inMemory(), RUNS),
  timeLimitMs(RUNS),
);

it('the double goes through every transition of a key', () => runScriptsOn(inMemory()), 60_000);
