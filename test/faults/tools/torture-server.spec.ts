import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { withClient } from '../../support/admin.js';
import { isRunning } from '../../support/is-running.js';
import { until } from '../../support/until.js';
import { TortureServer } from '../../torture/torture-server.js';
import { closeAfterTest } from '../support/close-after-test.js';

describe('the server of the torture', () => {
  const pidOfBackend = (url: string): Promise<number> =>
    withClient(url, async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      return rows[0]?.pid ?? 0;
    });
  let server: TortureServer;
  beforeAll(async () => {
    server = await closeAfterTest(TortureServer.start([]));
  });

  it('starts over when a backend is killed, and can be restarted at once', async () => {
    const onSessionsOver = jest.fn();
    await withClient(server.url, async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      expect(await server.crashBackend(rows[0]?.pid ?? 0, onSessionsOver)).toBe(true);
      await expect(client.query('SELECT 1')).rejects.toThrow();
    });
    expect(onSessionsOver).toHaveBeenCalledTimes(1);

    const postmaster = server.node.pid;
    await server.restart(onSessionsOver);
    expect(onSessionsOver).toHaveBeenCalledTimes(2);
    expect(isRunning(postmaster)).toBe(false);
    expect(await pidOfBackend(server.url)).toBeGreaterThan(0);
  });

  it('is left alone by the kill of a backend that has ended', async () => {
    const ended = await pidOfBackend(server.url);
    await until(() => !isRunning(ended), 'the backend has ended');
    const onSessionsOver = jest.fn();
    expect(await server.crashBackend(ended, onSessionsOver)).toBe(false);
    expect(onSessionsOver).not.toHaveBeenCalled();
    expect(await pidOfBackend(server.url)).toBeGreaterThan(0);
  });
});
