import { beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, type NestInterceptor, VersioningType } from '@nestjs/common';
import { ADVISORY_LEASE_SQL, AdvisoryLockService } from 'nestjs-advisory-lock';
import { map } from 'rxjs';
import type { DashboardLeases } from '../../lib/dashboard/server/dashboard-leases.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { lockInOtherSession } from './support/advisory-locks.js';
import { type Platform, serve } from './support/applications.js';
import type { LogLines } from './support/log-lines.js';
import { dashboardApp, snapshotAt, snapshotWhen } from './support/dashboards.js';

const database = useTestDatabase({ connectionsMayStay: true });

@Controller('locks')
class OwnRoute {
  @Get('smiths')
  smiths(): string {
    return 'two';
  }
}

const envelope: NestInterceptor = {
  intercept: (_, next) => next.handle().pipe(map((data: unknown) => ({ data }))),
};

describe.each<Platform>(['express', 'fastify'])('the dashboard on %s', (platform) => {
  let url: string;
  let log: LogLines;

  beforeAll(async () => {
    const metadata = dashboardApp(database, { path: '/locks', public: true }, { controllers: [OwnRoute] });
    const served = await serve(platform, metadata, (app) => {
      app.setGlobalPrefix('api');
      app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
      app.useGlobalInterceptors(envelope);
    });
    url = `${served.url}/api/locks`;
    ({ log } = served);
  });

  it('is one route in the log of the application', () => {
    expect(log.matching(/Mapped .*\/locks(?!\/smiths)/)).toEqual([
      'log [RouterExplorer] Mapped {/api/locks, ALL} (version: Neutral) route',
    ]);
  });

  it('has nothing at its paths for other methods', async () => {
    for (const [path, method] of [
      ['', 'POST'],
      ['/page.css', 'DELETE'],
      ['/snapshot', 'POST'],
      ['/terminate', 'GET'],
      ['/job', 'POST'],
      ['/pause', 'GET'],
      ['/run', 'GET'],
    ] as const)
      expect([path, (await fetch(url + path, { method })).status]).toEqual([path, 404]);
    const head = await fetch(`${url}/page.css`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8']);
  });

  it.each(['', '/', '?a=b', '/?a=b'])(
    'has its page at its path, followed by "%s", with links that hold',
    async (rest) => {
      const response = await fetch(url + rest);
      expect([response.status, response.headers.get('content-type')]).toEqual([
        200,
        'text/html; charset=utf-8',
      ]);
      const html = await response.text();
      const links = [...html.matchAll(/(?:src|href)="([^"#:]+)"/g)].map(([, link = '']) => link);
      expect(links.length).toBeGreaterThan(1);
      for (const link of links) {
        // A proxy may show it under a path with another beginning.
        const { href } = new URL(link, `http://proxy/ops/locks${rest}`);
        expect(href).toMatch(/^http:\/\/proxy\/ops\/locks\/[\w-]+\.\w+$/);
        const asset = await fetch(new URL(link, url + rest));
        expect(asset.status).toBe(200);
        expect(asset.headers.get('content-type')).toMatch(/^text\/(css|javascript); charset=utf-8$/);
      }
    },
  );

  it.each(['', '/page.css', '/snapshot'])('forbids resources of other origins, at "%s"', async (path) => {
    const { headers } = await fetch(url + path);
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none';.*frame-ancestors 'none'$/);
    expect(headers.get('content-security-policy')).not.toContain('unsafe');
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
  });

  it('leaves the routes of the application alone, and adds only its own', async () => {
    const own = await fetch(url.replace('/locks', '/v1/locks/smiths'));
    expect(await own.json()).toEqual({ data: 'two' });
    for (const path of ['/page.html', '/snapshot/1', '/..%2fdashboard.js', '/constructor', '/tsconfig.json'])
      expect((await fetch(url + path)).status).toBe(404);
  });

  it('finds a lock of unknown name by its name, and by its key', async () => {
    await lockInOtherSession(database, 'secret');
    await lockInOtherSession(database, 'other');
    const { locks } = await snapshotWhen(url, ({ counts }) => counts.locks === 2, '?search=secret');
    expect(locks).toMatchObject([{ name: 'secret', waiters: [] }]);
    const { counts } = await snapshotAt(url, `?search=${locks[0]?.key.id ?? ''}`);
    expect(counts).toEqual({ locks: 2, holders: 2, waiters: 0, claims: 0, matching: 1 });
    const unsearched = await snapshotAt(url, '?limit=1');
    expect(unsearched.locks.map(({ name }) => name)).toEqual([undefined]);
    expect(unsearched.counts.matching).toBe(2);
  });

  it('shows what the doctor says', async () => {
    const { doctor, database: name } = await snapshotAt(url);
    expect(doctor).toMatchObject({ isHealthy: true, problems: [], pooler: 'none' });
    expect(doctor?.summary).toContain('PostgreSQL');
    expect(name).toBe(database.name);
  });

  it.each(['limit=0', 'limit=2001', 'limit=x', 'limit=1&limit=2', `search=${'x'.repeat(201)}`])(
    'refuses the question %s',
    async (query) => {
      expect((await fetch(`${url}/snapshot?${query}`)).status).toBe(400);
    },
  );

  it.each([
    ['', 400],
    ['name=', 400],
    ['name=a&name=b', 400],
    ['name=a&limit=1001', 400],
    ['name=a&limit=', 400],
    ['name=a', 404],
  ])('refuses the question for a job: %s', async (query, status) => {
    expect((await fetch(`${url}/job?${query}`)).status).toBe(status);
  });
});

it('the dashboard lists the leases that are held, and says when there is no table of them', async () => {
  const { app, url } = await serve('express', dashboardApp(database, { public: true }));
  let seen: DashboardLeases | undefined;
  const read = async () => (seen = (await (await fetch(`${url}/locks/leases`)).json()) as DashboardLeases);
  expect(await read()).toMatchObject({ count: 0, leases: [], problem: expect.stringContaining('lease') });
  await database.query(ADVISORY_LEASE_SQL);
  const lease = await app.get(AdvisoryLockService).lease('doc:42', { ttlMs: 3_600_000, owner: 'ada' });
  await until(async () => (await read()).count === 1, 'the lease is listed');
  expect(seen?.problem).toBeUndefined();
  expect(seen?.leases).toEqual([
    {
      name: 'doc:42',
      owner: 'ada',
      ttlMs: 3_600_000,
      fencingToken: String(lease.fencingToken),
      since: expect.any(String),
      expiresAt: lease.expiresAt.toISOString(),
    },
  ]);
  await lease.release();
});
