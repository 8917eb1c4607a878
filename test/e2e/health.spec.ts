import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, type ModuleMetadata, ServiceUnavailableException } from '@nestjs/common';
import { HealthCheck, type HealthCheckResult, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import {
  AdvisoryLockHealthIndicator,
  AdvisoryLockModule,
  type AdvisoryLockModuleOptions,
  AdvisoryLockService,
  getAdvisoryLockToken,
  type LockHealth,
} from 'nestjs-advisory-lock';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closeAfterTest } from '../faults/support/close-after-test.js';
import { describeWith } from '../faults/support/describe-with.js';
import { startPgBouncer } from '../faults/support/pgbouncer.js';
import { startPrimary, startStandby } from '../faults/support/postgres-cluster.js';
import { startProxy } from '../faults/support/tcp-proxy.js';
import { lossOf, SHORT_TIMES } from '../faults/support/lock-loss.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { postgres, serve, type ServedApp, start } from './support/applications.js';
import { FEATURES } from '../../lib/nest/features.js';

const database = useTestDatabase();

afterEach(() => {
  jest.restoreAllMocks();
});

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly locks: AdvisoryLockHealthIndicator,
  ) {}

  @Get('live')
  @HealthCheck()
  live(): Promise<HealthCheckResult> {
    return this.health.check([() => this.locks.isAlive('locks')]);
  }

  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.health.check([() => this.locks.isReady('locks')]);
  }
}

const watched = (options?: AdvisoryLockModuleOptions): ModuleMetadata => ({
  imports: [
    postgres(database),
    AdvisoryLockModule.forRoot(options),
    TerminusModule.forRoot({ errorLogStyle: 'json' }),
  ],
  controllers: [HealthController],
});

interface Probe {
  readonly status: number;
  readonly overall: string;
  readonly locks: LockHealth;
}

async function ask({ url }: ServedApp, route: 'live' | 'ready'): Promise<Probe> {
  // Far more than the 500 ms that it takes at most; a response that hangs fails the test.
  const response = await fetch(`${url}/health/${route}`, { signal: AbortSignal.timeout(8_000) });
  const body = (await response.json()) as { status: string; details: { locks: LockHealth } };
  return { status: response.status, overall: body.status, locks: body.details.locks };
}

const becomes = async (app: ServedApp, status: number): Promise<LockHealth> => {
  let probe = await ask(app, 'ready');
  await until(
    async () => (probe = await ask(app, 'ready')).status === status,
    `readiness responds with ${String(status)}`,
    20_000,
  );
  return probe.locks;
};

describe('the health of an application', () => {
  it('shows the age of the heartbeat, the connections and the findings of the doctor', async () => {
    const app = await serve('express', watched({ maxConnections: 3 }));
    expect(await ask(app, 'ready')).toEqual({
      status: 200,
      overall: 'ok',
      locks: {
        status: 'up',
        session: 'open',
        activity: 'idle',
        heartbeatAgeMs: expect.any(Number),
        connections: { open: 1, allowed: 3 },
        problems: [],
        diagnosedMsAgo: expect.any(Number),
      },
    });
    expect(await ask(app, 'live')).toEqual({
      status: 200,
      overall: 'ok',
      locks: {
        status: 'up',
        session: 'open',
        activity: 'idle',
        heartbeatAgeMs: expect.any(Number),
        connections: { open: 1, allowed: 3 },
      },
    });
  });

  it('is cached: many probes are one round trip on an open connection, without a lock', async () => {
    const app = await serve('express', watched({ heartbeatMs: 60_000, lostAfterMs: 120_000 }));
    await ask(app, 'ready');
    const lastStatements = () =>
      database.query(
        `SELECT pid, query_start FROM pg_stat_activity
         WHERE application_name LIKE 'nestjs-advisory-lock%' AND datname = current_database()`,
      );
    // Those that were needed for a moment when it connected may take theirs to end.
    await until(async () => (await lastStatements()).length === 1, 'there is one lock connection');
    const before = await lastStatements();
    for (let probe = 0; probe < 20; probe += 1) {
      expect(await ask(app, 'ready')).toMatchObject({ status: 200 });
      expect(await ask(app, 'live')).toMatchObject({ status: 200 });
    }
    expect(await lastStatements()).toEqual(before);
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('checks the server again when its state is old, and is ready with problems on a primary', async () => {
    const { app } = await start(watched({ heartbeatMs: 60_000, lostAfterMs: 120_000 }));
    const { server } = app.get(AdvisoryLockService)[FEATURES].engine;
    const indicator = app.get(AdvisoryLockHealthIndicator);
    const probe = async () => (await indicator.isReady('locks', { withinMs: 10_000 })).locks;
    expect(await probe()).toMatchObject({ status: 'up', problems: [] });

    const checkup = await server.checkUp();
    jest.spyOn(server, 'checkUp').mockResolvedValue({ ...checkup, lockTable: { used: 100, capacity: 100 } });
    expect(await probe()).toMatchObject({ status: 'up', problems: [] });
    const now = performance.now.bind(performance);
    jest.spyOn(performance, 'now').mockImplementation(() => now() + 11_000);
    expect(await probe()).toMatchObject({ status: 'up', problems: [{ code: 'LOCK_TABLE' }] });
  });

  it('of a module with a name is shown by an indicator of its service', async () => {
    const { app } = await start({
      imports: [
        postgres(database),
        AdvisoryLockModule.forRoot(),
        AdvisoryLockModule.forRoot({ name: 'archive', maxConnections: 2 }),
      ],
    });
    const archive = new AdvisoryLockHealthIndicator(app.get(getAdvisoryLockToken('archive')));
    expect(archive.isAlive('archive')).toMatchObject({ archive: { connections: { allowed: 2 } } });
    expect(await archive.isReady('archive')).toMatchObject({ archive: { status: 'up' } });
    expect(app.get(AdvisoryLockHealthIndicator).isAlive('locks')).toMatchObject({
      locks: { connections: { allowed: 4 } },
    });
  });

  it('refuses a limit that cannot be', async () => {
    const { app } = await start(watched());
    for (const withinMs of [0, 1.5, Infinity, '500'] as number[]) {
      await expect(app.get(AdvisoryLockHealthIndicator).isReady('locks', { withinMs })).rejects.toMatchObject(
        {
          code: 'LOCK_CONFIGURATION',
          message: expect.stringContaining('`withinMs`'),
        },
      );
    }
  });
});

describe('the health of an application whose database fails', () => {
  const through = async () => {
    const proxy = await closeAfterTest(startProxy(database.url));
    const connectionOptions = { url: proxy.url(database.url), connectTimeoutMS: 1_000 };
    return { proxy, app: await serve('express', watched({ ...SHORT_TIMES, connectionOptions })) };
  };

  it('is alive but not ready while the server is silent, responds in time, and recovers', async () => {
    const { proxy, app } = await through();
    const lock = await app.app.get(AdvisoryLockService).acquire('import');
    proxy.silence();
    const probe = await becomes(app, 503);
    expect(probe).toMatchObject({ status: 'down', message: expect.any(String) });
    await lossOf(lock);
    const { locks } = await ask(app, 'ready');
    expect(locks).toMatchObject({
      status: 'down',
      session: 'none',
      connections: { open: 0 },
      message: expect.stringMatching(/none could be opened|could not be reached|the connection failed/),
    });
    expect(locks).not.toHaveProperty('heartbeatAgeMs');
    expect(await ask(app, 'live')).toMatchObject({ status: 200, locks: { status: 'up', session: 'none' } });
    proxy.resume();
    await becomes(app, 200);
    // The session may be open before it is diagnosed.
    let ready = await ask(app, 'ready');
    await until(async () => (ready = await ask(app, 'ready')).locks.problems !== undefined, 'a diagnosis');
    expect(ready).toMatchObject({ status: 200, locks: { session: 'open', problems: [] } });
  });

  it('says nothing of the end of an earlier session when there is one again', async () => {
    const { app } = await start(watched());
    const { server } = app.get(AdvisoryLockService)[FEATURES].engine;
    const indicator = app.get(AdvisoryLockHealthIndicator);
    // The session that there is has not failed: another request has opened it in the meantime.
    jest.spyOn(server, 'checkUp').mockRejectedValueOnce(new Error('no response for 1201 ms'));
    expect(await indicator.isReady('locks')).toMatchObject({ locks: { status: 'up', problems: [] } });
  });

  it('responds in time while the server is silent', async () => {
    const { proxy, app } = await through();
    await proxy.refuse();
    proxy.cut();
    await until(async () => (await ask(app, 'live')).locks.session === 'none', 'the session has ended');
    const { server } = app.app.get(AdvisoryLockService)[FEATURES].engine;
    jest.spyOn(server, 'checkUp').mockReturnValue(new Promise(() => undefined));
    expect(await app.app.get(AdvisoryLockHealthIndicator).isReady('locks', { withinMs: 20 })).toMatchObject({
      locks: { status: 'down', message: expect.stringContaining('within 20 ms none could be opened') },
    });
    expect(await ask(app, 'ready')).toMatchObject({
      locks: { status: 'down', message: expect.stringContaining('within 500 ms none could be opened') },
    });
  });

  it('is alive but not ready after a crash and on a standby, until there is a primary again', async () => {
    const primary = await closeAfterTest(startPrimary());
    const standby = await closeAfterTest(startStandby(primary));
    const proxy = await closeAfterTest(startProxy(primary.url));
    const app = await serve('express', watched({ connectionOptions: { url: proxy.url(primary.url) } }));
    expect(await ask(app, 'ready')).toMatchObject({ status: 200 });

    await primary.crash();
    await becomes(app, 503);
    expect(await ask(app, 'live')).toMatchObject({ status: 200 });

    proxy.target = standby.url;
    const isStandby = async () => (await ask(app, 'ready')).locks.problems?.[0]?.code === 'STANDBY';
    await until(isStandby, 'it says that this is a standby', 20_000);
    expect(await ask(app, 'ready')).toMatchObject({
      status: 503,
      locks: { session: 'none', message: expect.stringContaining('standby') },
    });
    expect(await ask(app, 'live')).toMatchObject({ status: 200 });

    await primary.start();
    proxy.target = primary.url;
    expect(await becomes(app, 200)).toMatchObject({ session: 'open', problems: [] });
  });
});

describeWith('pgbouncer', 'the health of an application behind a pooler', () => {
  it('takes no connection of the pooler, and fails with the pooler', async () => {
    const bouncer = await closeAfterTest(startPgBouncer(database.url, { mode: 'transaction' }));
    const proxy = await closeAfterTest(startProxy(bouncer.url));
    const connectionOptions = { url: proxy.url(bouncer.url) };
    const app = await serve('express', watched({ connectionOptions }));
    expect(await ask(app, 'ready')).toMatchObject({ status: 200, locks: { session: 'open', problems: [] } });
    const servers = await bouncer.show<{ state: string }>('SERVERS');
    expect(servers.filter(({ state }) => state === 'active')).toEqual([]);
    await proxy.refuse();
    proxy.cut();
    await becomes(app, 503);
    await proxy.accept();
    await becomes(app, 200);
  });
});

describe('the health of an application that shuts down', () => {
  it('is not ready at once, alive while holders finish, and dead when the process lives on', async () => {
    const app = await serve('express', watched());
    const indicator = app.app.get(AdvisoryLockHealthIndicator);
    const lock = await app.app.get(AdvisoryLockService).acquire('import');
    const closing = app.app.close();
    const locks = await becomes(app, 503);
    expect(locks).toMatchObject({
      status: 'down',
      session: 'open',
      message: expect.stringContaining('shutting down'),
    });
    // Terminus responds with 503 to everything from now on, and shows what the indicator says.
    expect(await ask(app, 'live')).toMatchObject({ overall: 'shutting_down', locks: { status: 'up' } });
    await lock.release();
    await closing;
    expect(indicator.isAlive('locks')).toMatchObject({ locks: { status: 'down', session: 'none' } });
    expect(await indicator.isReady('locks')).toMatchObject({ locks: { status: 'down', session: 'none' } });
  });
});

describe('the health of an application without Terminus', () => {
  @Controller('health')
  class PlainController {
    constructor(private readonly locks: AdvisoryLockHealthIndicator) {}

    @Get('ready')
    async ready(): Promise<object> {
      const details = await this.locks.isReady('locks');
      if (details.locks.status === 'down') throw new ServiceUnavailableException({ details });
      return { details };
    }
  }

  it('has its own route', async () => {
    const proxy = await closeAfterTest(startProxy(database.url));
    const connectionOptions = { url: proxy.url(database.url) };
    const app = await serve('fastify', {
      imports: [postgres(database), AdvisoryLockModule.forRoot({ connectionOptions })],
      controllers: [PlainController],
    });
    expect(await ask(app, 'ready')).toMatchObject({ status: 200, locks: { status: 'up' } });
    await proxy.refuse();
    proxy.cut();
    expect(await becomes(app, 503)).toMatchObject({
      status: 'down',
      problems: [{ code: 'UNREACHABLE' }],
      message: expect.stringContaining('ECONNREFUSED'),
    });
    await proxy.accept();
    await becomes(app, 200);
  });

  it('needs nothing of it: the library does not import it', async () => {
    const folder = fileURLToPath(new URL('../../lib', import.meta.url));
    const files = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('.ts'));
    expect(files).toContain(join('nest', 'health', 'advisory-lock-health-indicator.ts'));
    for (const path of files) {
      expect(await readFile(join(folder, path), 'utf8')).not.toMatch(/^(?!\s*\*).*@nestjs\/terminus/m);
    }
  });
});
