import { beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { withClient } from '../support/admin.js';
import { defer } from '../support/cleanup.js';
import { until } from '../support/until.js';
import { closeAfterTest } from './support/close-after-test.js';
import { describeWith } from './support/describe-with.js';
import { type HolderProcess, startHolder } from './support/holder-process.js';
import { NetworkPartition } from './support/network-partition.js';
import { startPrimary } from './support/postgres-cluster.js';
import type { PostgresNode } from './support/postgres-node.js';

const TIMES = { heartbeatMs: 500, lostAfterMs: 1_500 };
/**
 * `heartbeatMs` after the holder; the server's keep-alives count in seconds,
 * and a busy machine takes its time.
 */
const FREED_WITHIN_MS = TIMES.lostAfterMs + TIMES.heartbeatMs + 8_000;

describeWith('network namespaces', 'a holder that a partition cuts off from the server', () => {
  let partition: NetworkPartition;
  let server: PostgresNode;
  let holder: HolderProcess;
  beforeAll(async () => {
    partition = await closeAfterTest(Promise.resolve(new NetworkPartition()));
    server = await closeAfterTest(startPrimary({ namespace: partition.server }));
    holder = await startHolder(server.url, TIMES, partition.client.programInside(process.execPath));
  });

  const locks = (): Promise<{ granted: boolean }[]> =>
    withClient(server.socketUrl, async (client) => {
      const sql = `SELECT granted FROM pg_locks WHERE locktype = 'advisory'`;
      return (await client.query<{ granted: boolean }>(sql)).rows;
    });

  /**
   * Stands in the server's queue for the one lock that is held, and says when it was
   * granted, by the clock of the machine.
   */
  async function standInQueue(): Promise<{ grantedAt: Promise<number>; leave: () => Promise<void> }> {
    const client = new pg.Client(server.socketUrl);
    await client.connect();
    defer(() => client.end());
    const granted = client.query(
      `SELECT pg_advisory_lock(classid::bigint << 32 | objid::bigint)
        FROM pg_locks WHERE locktype = 'advisory'`,
    );
    await until(async () => (await locks()).length === 2, 'it stands in the queue');
    return { grantedAt: granted.then(() => Date.now()), leave: () => client.end() };
  }

  it.each([{ toServer: true, toClient: true }, { toServer: true }, { toClient: true }])(
    'is notified before the server gives its lock to another, which takes seconds: %j',
    async (directions) => {
      await holder.ask({ acquire: 'import', waitMs: 10_000 });
      const next = await standInQueue();
      const cutAt = Date.now();
      partition.cut(directions);
      const { at: noticedAt, message } = await holder.lossOf('import');
      const grantedAt = await next.grantedAt;
      expect(message).toMatch(/no response for \d+ ms/);
      expect(noticedAt).toBeGreaterThan(cutAt);
      expect(grantedAt).toBeGreaterThanOrEqual(noticedAt);
      expect(grantedAt - cutAt).toBeLessThan(FREED_WITHIN_MS);

      partition.heal();
      await next.leave();
      await until(async () => (await locks()).length === 0, 'nothing is left');
    },
  );

  it('takes locks again when the partition has healed', async () => {
    expect(await holder.ask({ acquire: 'import', waitMs: 10_000 })).toEqual({ isHeld: true });
    expect(await locks()).toEqual([{ granted: true }]);
    await holder.ask({ release: 'import' });
  });
});
