import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';
import { withClient } from '../support/admin.js';
import { isRunning } from '../support/is-running.js';
import { startWorker } from '../support/processes.js';
import { startServer } from '../support/test-database.js';
import { until } from '../support/until.js';

interface Traces {
  serverPid: number;
  folder: string;
}

const ownerModule = new URL('./workers/embedded-postgres-owner.ts', import.meta.url);

function tracesOf(url: string): Promise<Traces> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ pid: string; data: string }>(
      `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid,
        current_setting('data_directory') AS data`,
    );
    return { serverPid: Number(rows[0]?.pid), folder: dirname(rows[0]?.data ?? '') };
  });
}

async function startOwner() {
  const owner = startWorker(ownerModule);
  const { url } = await owner.message<{ url: string }>(() => true, 30_000);
  return { owner, traces: await tracesOf(url) };
}

async function expectNothingLeft({ serverPid, folder }: Traces): Promise<void> {
  await until(() => !isRunning(serverPid), 'the server is gone');
  await until(() => !existsSync(folder), 'the data folder is gone');
}

describe('an embedded Postgres', () => {
  it('is gone with its folder after stop(), which may be called twice', async () => {
    const server = await startEmbeddedPostgres();
    const traces = await tracesOf(server.url);
    expect(isRunning(traces.serverPid)).toBe(true);
    expect(existsSync(traces.folder)).toBe(true);
    await Promise.all([server.stop(), server.stop()]);
    expect(isRunning(traces.serverPid)).toBe(false);
    expect(existsSync(traces.folder)).toBe(false);
    await server.stop();
  });

  it.each(['SIGKILL', 'SIGINT'] as const)(
    'is gone with its folder when its owner gets %s',
    async (signal) => {
      const { owner, traces } = await startOwner();
      expect(isRunning(traces.serverPid)).toBe(true);
      owner.kill(signal);
      await expectNothingLeft(traces);
    },
  );

  if (process.platform === 'linux') {
    it('is gone with its folder when its guardian is killed', async () => {
      const { traces } = await startOwner();
      const status = readFileSync(`/proc/${String(traces.serverPid)}/status`, 'utf8');
      process.kill(Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]), 'SIGKILL');
      await expectNothingLeft(traces);
    });
  }

  it('takes flags, listens on loopback only, and has its own port', async () => {
    const servers = await Promise.all([
      startServer(['-c', 'max_connections=5']),
      startServer(['-c', 'max_connections=6']),
    ]);
    expect(servers[0].port).not.toBe(servers[1].port);
    const settings = await Promise.all(
      servers.map(({ url }) =>
        withClient(url, async (client) => {
          const { rows } = await client.query<{ connections: string; addresses: string }>(
            `SELECT current_setting('max_connections') AS connections,
              current_setting('listen_addresses') AS addresses`,
          );
          return rows[0];
        }),
      ),
    );
    expect(settings).toEqual([
      { connections: '5', addresses: '127.0.0.1' },
      { connections: '6', addresses: '127.0.0.1' },
    ]);
  });

  it('reports the output of a server that does not start', async () => {
    const started = startEmbeddedPostgres({ postgresFlags: ['-c', 'max_connections=none'] });
    await expect(started).rejects.toThrow(
      /did not start: .*FATAL: {2}invalid value for parameter "max_connections": "none"/s,
    );
  });
});
