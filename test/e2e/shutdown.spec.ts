import { describe, expect, it } from '@jest/globals';
import { ScheduleModule } from '@nestjs/schedule';
import { AdvisoryLockModule, AdvisoryLockService, ExclusiveInterval } from 'nestjs-advisory-lock';
import { closeAfterTest } from '../faults/support/close-after-test.js';
import { describeWith } from '../faults/support/describe-with.js';
import { startPgBouncer } from '../faults/support/pgbouncer.js';
import { startPrimary } from '../faults/support/postgres-cluster.js';
import { startProxy, type TcpProxy } from '../faults/support/tcp-proxy.js';
import { AdvisoryLockLifecycle } from '../../lib/nest/advisory-lock.lifecycle.js';
import { withClient } from '../support/admin.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { postgres, start } from './support/applications.js';
import { OrderedApp } from './support/ordered-app.js';

const database = useTestDatabase();

const BY_SIGNAL = { code: null, signal: 'SIGTERM' };
const BY_ITSELF = { code: 0, signal: null };

const queued = async (): Promise<boolean> => (await database.advisoryLocks()).some(({ granted }) => !granted);

describe('an application that is shut down', () => {
  it('takes no lock any more, ends waits, and gives holders some time to finish', async () => {
    await using busy = await createLocks(database.url).service.acquire('busy');
    const app = await OrderedApp.start(database.url, { shutdownTimeoutMs: 2_000 });
    await app.hold('quick');
    await app.hold('slow', true);
    app.order({ do: 'wait', name: 'busy' });
    await until(queued, 'it waits');

    app.worker.kill('SIGTERM');
    app.worker.kill('SIGTERM');
    expect((await app.says({ type: 'refused', name: 'busy' })).code).toBe('LOCK_SHUTDOWN');
    expect(await app.refusal({ do: 'try', name: 'another' })).toBe('LOCK_SHUTDOWN');
    expect(await app.refusal({ do: 'wait', name: 'quick' })).toBe('LOCK_SHUTDOWN');
    app.order({ do: 'let go', name: 'quick' });
    await app.says({ type: 'released', name: 'quick' });
    app.worker.kill('SIGTERM');
    expect((await app.says({ type: 'lost', name: 'slow' })).code).toBe('LOCK_LOST');
    expect(await app.worker.exited).toEqual(BY_SIGNAL);
    expect(await database.advisoryLocks()).toHaveLength(1);
    expect(busy.isHeld).toBe(true);
  });

  it('ends at once without locks, and opens no connection for later calls', async () => {
    const app = await OrderedApp.start(database.url, { shutdownTimeoutMs: 600_000 });
    await app.hold('import');
    app.order({ do: 'close', times: 3 });
    await until(
      async () => (await app.refusal({ do: 'try', name: 'import' })) === 'LOCK_SHUTDOWN',
      'it closes',
    );
    app.order({ do: 'let go', name: 'import' });
    expect((await app.says({ type: 'refused', name: 'afterwards' })).code).toBe('LOCK_SHUTDOWN');
    await app.says({ type: 'closed' });
    expect(await app.worker.exited).toEqual(BY_ITSELF);
    expect(await database.connections()).toEqual([]);
  });

  it('waits for the holders with each of two closings at a time, as Nest 11 closes twice', async () => {
    const { service, table } = createLocks(database.url);
    const lock = await service.acquire('import');
    const closings = [table.close(600_000), table.close(600_000)];
    await expect(service.tryAcquire('import')).rejects.toMatchObject({ code: 'LOCK_SHUTDOWN' });
    await lock.release();
    await Promise.all(closings);
    expect(lock.signal.aborted).toBe(false);
  });

  it('waits for a job that runs, and starts no other', async () => {
    const app = await OrderedApp.start(database.url, {}, { TEST_CRON: 'yes' });
    await app.says({ type: 'tick' });
    app.worker.kill('SIGTERM');
    await until(
      async () => (await app.refusal({ do: 'try', name: 'Jobs.tick' })) === 'LOCK_SHUTDOWN',
      'it closes',
    );
    expect(await database.advisoryLocks()).not.toEqual([]);
    app.order({ do: 'let go', name: 'tick' });
    await app.says({ type: 'tick is over' });
    expect(await app.worker.exited).toEqual(BY_SIGNAL);
    expect(await database.advisoryLocks()).toEqual([]);
    await expect(app.says({ type: 'tick' })).rejects.toThrow('the worker has ended');
  });
});

describe('what is under way when an application ends', () => {
  const startThroughProxy = (): Promise<TcpProxy> =>
    closeAfterTest(startProxy(Number(new URL(database.url).port)));

  it('is refused because of the shutdown, whatever it was', async () => {
    const proxy = await startThroughProxy();
    const { service, engine, table } = createLocks(proxy.url(database.url));
    await (await service.acquire('before')).release();
    proxy.silence();
    const underWay = [
      service.acquire('import'),
      service.acquire('import', { waitMs: Infinity }),
      service.isLocked('report'),
      engine.claims.make(engine.keys.keyOf('tick'), { keepMs: 1_000, isRemembered: true }),
      engine.server.query({ text: 'SELECT 1' }),
      engine.server.checkUp(),
    ].map((promise) => promise.then(String, (error: unknown) => (error as { code?: unknown }).code));
    await table.close(0);
    expect(await Promise.all(underWay)).toEqual(underWay.map(() => 'LOCK_SHUTDOWN'));
    proxy.cut();
  });

  it('is no problem of the server when it is the start of the application, as in a hot reload', async () => {
    const proxy = await startThroughProxy();
    proxy.silence();
    const { engine, features } = createLocks(proxy.url(database.url), {
      connectionOptions: { connectTimeoutMS: 200 },
    });
    const lifecycle = new AdvisoryLockLifecycle(engine, features.leases, { failOnProblems: true }, 'default');
    const starting = lifecycle.onApplicationBootstrap();
    await lifecycle.beforeApplicationShutdown();
    await expect(starting).resolves.toBeUndefined();
    await expect(engine.server.checkUp()).rejects.toMatchObject({ code: 'LOCK_SHUTDOWN' });
    proxy.cut();
  });

  it('is a debug line for a job whose tick is on its way', async () => {
    let runs = 0;
    class Poller {
      @ExclusiveInterval(500)
      poll(): Promise<void> {
        runs += 1;
        return Promise.resolve();
      }
    }
    const proxy = await startThroughProxy();
    const { app, log } = await start({
      imports: [
        postgres(database),
        ScheduleModule.forRoot(),
        AdvisoryLockModule.forRoot({ connectionOptions: { url: proxy.url(database.url) } }),
      ],
      providers: [Poller],
    });
    // From the first tick on it is known which jobs are paused.
    await until(() => runs > 0, 'a tick');
    // Its release went over the same connection, so its response was received as well.
    await until(async () => !(await app.get(AdvisoryLockService).isLocked('Poller.poll')), 'its end');
    // The server takes the claim of a tick, and this process does not hear of it.
    proxy.silence({ toClient: true });
    await until(async () => (await database.advisoryLocks()).length > 0, 'a tick is claimed');
    await app.close();
    proxy.cut();
    expect(log.matching(/^(error|warn|fatal)/)).toEqual([]);
    expect(log.matching(/^debug .*Skipped Poller\.poll.*shutting down/)).not.toEqual([]);
  });
});

describe('an application that is shut down while the database is gone', () => {
  const quick = { heartbeatMs: 200, lostAfterMs: 1_000, shutdownTimeoutMs: 500 };

  it('ends when the server has crashed', async () => {
    const server = await closeAfterTest(startPrimary());
    const app = await OrderedApp.start(server.url, quick);
    await app.hold('import');
    app.order({ do: 'wait', name: 'import' });
    await server.crash();
    expect((await app.says({ type: 'lost', name: 'import' })).code).toBe('LOCK_LOST');
    app.order({ do: 'close' });
    await app.says({ type: 'closed' });
    expect(await app.worker.exited).toEqual(BY_ITSELF);
  });

  it('ends when the server is silent', async () => {
    const { port } = new URL(database.url);
    const proxy = await closeAfterTest(startProxy(Number(port)));
    const blocker = await createLocks(database.url).service.acquire('busy');
    const app = await OrderedApp.start(database.url, {
      ...quick,
      connectionOptions: { url: proxy.url(database.url) },
    });
    await app.hold('import', true);
    app.order({ do: 'wait', name: 'busy' });
    await until(queued, 'it waits');
    proxy.silence();
    app.order({ do: 'close' });
    expect((await app.says({ type: 'lost', name: 'import' })).code).toBe('LOCK_LOST');
    expect((await app.says({ type: 'refused', name: 'busy' })).code).toBe('LOCK_SHUTDOWN');
    expect(await app.worker.exited).toEqual(BY_ITSELF);
    await blocker.release();
    proxy.cut();
  });

  it('ends while it connects to a server that does not respond', async () => {
    const { port } = new URL(database.url);
    const proxy = await closeAfterTest(startProxy(Number(port)));
    const app = await OrderedApp.start(database.url, {
      ...quick,
      connectionOptions: { url: proxy.url(database.url), connectTimeoutMS: 3_000 },
    });
    await app.hold('import');
    proxy.silence();
    expect((await app.says({ type: 'lost', name: 'import' })).code).toBe('LOCK_LOST');
    app.order({ do: 'try', name: 'import' });
    await until(() => proxy.connectionCount > 0, 'it connects');
    app.order({ do: 'close' });
    expect((await app.says({ type: 'refused', name: 'import' })).code).toBe('LOCK_SHUTDOWN');
    await app.says({ type: 'closed' });
    expect(await app.worker.exited).toEqual(BY_ITSELF);
    proxy.cut();
  });
});

describeWith('pgbouncer', 'an application behind a pooler that is shut down', () => {
  it('frees its locks, and leaves nothing in the queue', async () => {
    const bouncer = await closeAfterTest(startPgBouncer(database.url, { mode: 'transaction' }));
    await using busy = await createLocks(database.url).service.acquire('busy');
    const app = await OrderedApp.start(bouncer.url, { shutdownTimeoutMs: 500 });
    await app.hold('polite');
    await app.hold('slow', true);
    app.order({ do: 'wait', name: 'busy' });
    await until(queued, 'it waits');
    app.worker.kill('SIGTERM');
    expect((await app.says({ type: 'refused', name: 'busy' })).code).toBe('LOCK_SHUTDOWN');
    app.order({ do: 'let go', name: 'polite' });
    await app.says({ type: 'released', name: 'polite' });
    expect((await app.says({ type: 'lost', name: 'slow' })).code).toBe('LOCK_LOST');
    expect(await app.worker.exited).toEqual(BY_SIGNAL);
    // The pooler has closed the client's socket before the server notices.
    await until(
      async () => (await database.advisoryLocks()).length === 1,
      'only the lock of the other is left',
    );
    expect(busy.isHeld).toBe(true);
  });

  it('ends while it waits for a connection of an exhausted pool', async () => {
    const bouncer = await closeAfterTest(startPgBouncer(database.url, { mode: 'transaction', poolSize: 1 }));
    const app = await OrderedApp.start(bouncer.url, { heartbeatMs: 200, lostAfterMs: 1_000 });
    await withClient(bouncer.url, async (client) => {
      await client.query('BEGIN');
      app.order({ do: 'wait', name: 'import' });
      const clients = async (): Promise<number> =>
        (await bouncer.show<{ state: string }>('CLIENTS')).filter(({ state }) => state === 'waiting').length;
      await until(async () => (await clients()) > 0, 'it waits for the pool');
      app.worker.kill('SIGTERM');
      expect((await app.says({ type: 'refused', name: 'import' })).code).toBe('LOCK_SHUTDOWN');
      expect(await app.worker.exited).toEqual(BY_SIGNAL);
    });
  });
});
