import { expect } from '@jest/globals';
import { createLocks } from '../support/locks.js';
import { testsTogether } from '../support/tests-together.js';
import { closeAfterTest } from './support/close-after-test.js';
import { startPrimary } from './support/postgres-cluster.js';

const { it } = testsTogether();

for (const commit of ['on', 'off'])
  it(`tokens go on growing after the server has crashed, with synchronous_commit ${commit}`, async () => {
    const server = await closeAfterTest(startPrimary());
    const tokens: bigint[] = [];
    const { service } = createLocks(`${server.url}?options=-c%20synchronous_commit%3D${commit}`);
    for (let round = 1; round <= 3; round += 1) {
      await using lock = await service.acquire('account', { waitMs: 20_000 });
      for (let count = 1; count <= 5; count += 1) tokens.push(await lock.fencingToken());
      await server.crash();
      await server.start();
    }
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => (a < b ? -1 : 1)));
  });
