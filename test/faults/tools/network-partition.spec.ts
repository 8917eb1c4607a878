import { beforeAll, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { withClient } from '../../support/admin.js';
import { startWorker } from '../../support/processes.js';
import type { WorkerProcess } from '../../support/worker-process.js';
import { until } from '../../support/until.js';
import { closeAfterTest } from '../support/close-after-test.js';
import { describeWith } from '../support/describe-with.js';
import { NetworkPartition } from '../support/network-partition.js';
import { startPrimary } from '../support/postgres-cluster.js';
import type { PostgresNode } from '../support/postgres-node.js';
import type { Asked, Reply } from './workers/remote-client.js';

describeWith('network namespaces', 'a network partition', () => {
  let partition: NetworkPartition;
  let server: PostgresNode;
  let worker: WorkerProcess;
  beforeAll(async () => {
    partition = await closeAfterTest(Promise.resolve(new NetworkPartition()));
    server = await closeAfterTest(startPrimary({ namespace: partition.server }));
    worker = startWorker(new URL('./workers/remote-client.ts', import.meta.url), {
      args: [server.url],
      execPath: partition.client.programInside(process.execPath),
    });
  });

  function ask(sql: string): Promise<Reply> {
    worker.send({ sql } satisfies Asked);
    return worker.message<Reply>((reply) => reply.to === sql);
  }

  const advisoryLocks = () =>
    withClient(server.socketUrl, async (client) => {
      const { rows } = await client.query<{ pid: number }>(
        `SELECT pid FROM pg_locks WHERE locktype = 'advisory'`,
      );
      return rows;
    });

  it('has a client that reaches the server, which no client outside does', async () => {
    expect(await ask('SELECT host(inet_client_addr()) AS value')).toMatchObject({ value: '10.0.0.2' });
    await expect(withClient(server.url, () => Promise.resolve())).rejects.toThrow();
  });

  it.each([{ toServer: true }, { toClient: true }, { toServer: true, toClient: true }])(
    'holds back what is on its way until it heals: %j',
    async (directions) => {
      expect(await ask('SELECT 1 AS value')).toMatchObject({ value: 1 });
      partition.cut(directions);
      const sql = `INSERT INTO arrived VALUES ('${JSON.stringify(directions)}') RETURNING 'late' AS value`;
      await withClient(server.socketUrl, async (client) => {
        await client.query('CREATE TABLE IF NOT EXISTS arrived (what text)');
        let isSettled = false;
        const reply = ask(sql).finally(() => (isSettled = true));
        const arrived = async () => {
          const { rowCount } = await client.query('SELECT FROM arrived WHERE what = $1', [
            JSON.stringify(directions),
          ]);
          return rowCount === 1;
        };
        // It arrives when only the way back is cut, and the reply does not.
        if (directions.toServer) await expectStill(async () => !(await arrived()));
        else await until(arrived, 'the statement arrives');
        await expectStill(() => !isSettled);
        partition.heal();
        await reply;
        expect(await arrived()).toBe(true);
      });
    },
  );

  it('is noticed by the server alone, which frees the lock while the client knows nothing', async () => {
    await ask('SET tcp_keepalives_idle = 1');
    await ask('SET tcp_keepalives_interval = 1');
    await ask('SET tcp_keepalives_count = 2');
    // While a reply is not acknowledged, no keep-alives are sent: this is for a cut at that moment.
    await ask('SET tcp_user_timeout = 3000');
    expect(await ask('SELECT pg_try_advisory_lock(1) AS value')).toMatchObject({ value: true });
    expect(await advisoryLocks()).toHaveLength(1);
    partition.cut();
    await until(async () => (await advisoryLocks()).length === 0, 'the lock is free');
    expect(worker.output).toBe('');
    partition.heal();
    expect(await ask('SELECT 2 AS value')).toHaveProperty('error');
  });

  it('leaves no namespace', async () => {
    const other = new NetworkPartition();
    const names = () => execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
    expect(names()).toContain(other.server.name);
    await other.close();
    expect(names()).not.toContain(other.server.name);
    expect(names()).not.toContain(other.client.name);
  });
});

/** There is no event for the absence of an event. A packet takes far less than a millisecond here. */
async function expectStill(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let look = 0; look < 10; look++) {
    expect(await condition()).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
