import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  Injectable,
  Module,
  type ModuleMetadata,
  type NestInterceptor,
  VersioningType,
} from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { AdvisoryLockModule, AdvisoryLockService, getAdvisoryLockToken } from 'nestjs-advisory-lock';
import {
  AdvisoryLockDashboardModule,
  type AdvisoryLockDashboardOptions,
} from 'nestjs-advisory-lock/dashboard';
import { map } from 'rxjs';
import type { DashboardSnapshot, TerminateRequest } from '../../lib/dashboard/dashboard-snapshot.js';
import { defer } from '../support/cleanup.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { lockElsewhere } from './support/advisory-locks.js';
import { bootstrapError, lockedApp, type Platform, postgres, serve } from './support/applications.js';

const database = useTestDatabase({ connectionsMayStay: true });

const PLATFORMS: Platform[] = ['express', 'fastify'];
const OWN = { 'x-requested-with': 'nestjs-advisory-lock', 'content-type': 'application/json' };

function withDashboard(options: AdvisoryLockDashboardOptions, rest: ModuleMetadata = {}): ModuleMetadata {
  return lockedApp(database, {
    ...rest,
    imports: [AdvisoryLockDashboardModule.forRoot(options), ...(rest.imports ?? [])],
  });
}

async function snapshotAt(url: string, query = ''): Promise<DashboardSnapshot> {
  const response = await fetch(`${url}/snapshot${query}`);
  expect(response.status).toBe(200);
  return (await response.json()) as DashboardSnapshot;
}

function terminate(url: string, body: unknown, headers: Record<string, string> = OWN): Promise<Response> {
  return fetch(`${url}/terminate`, { method: 'POST', headers, body: JSON.stringify(body) });
}

@Injectable()
class Doorman {
  lets = 'nobody';
}

@Module({ providers: [Doorman], exports: [Doorman] })
class DoormanModule {}

@Injectable()
class DoormanGuard implements CanActivate {
  constructor(private readonly doorman: Doorman) {}

  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
    return headers['x-user'] === this.doorman.lets;
  }
}

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

describe.each(PLATFORMS)('the dashboard on %s', (platform) => {
  let url: string;
  let app: INestApplication;

  beforeAll(async () => {
    const metadata = withDashboard(
      { path: '/locks', public: true, allowTerminate: true },
      { controllers: [OwnRoute] },
    );
    ({ app, url } = await serve(platform, metadata, (nest) => {
      nest.setGlobalPrefix('api');
      nest.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
      nest.useGlobalInterceptors(envelope);
    }));
    url += '/api/locks';
  });

  it.each(['', '/', '?theme=dark', '/?theme=dark'])(
    'has its page at its path%s, with links that hold there',
    async (rest) => {
      const response = await fetch(url + rest);
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      const html = await response.text();
      const links = [...html.matchAll(/(?:src|href)="([^"#:]+)"/g)].map(([, link = '']) => link);
      expect(links.length).toBeGreaterThan(1);
      expect(html).not.toContain('{{');
      for (const link of links) {
        // As behind a proxy that knows it by another beginning.
        const behindProxy = new URL(link, `http://proxy/ops/locks${rest}`).href;
        expect(behindProxy).toMatch(/^http:\/\/proxy\/ops\/locks\/[\w-]+\.\w+$/);
        const asset = await fetch(new URL(link, url + rest));
        expect(asset.status).toBe(200);
        expect(asset.headers.get('content-type')).toMatch(/^text\/(css|javascript); charset=utf-8$/);
      }
    },
  );

  it('sends headers that keep everything else out', async () => {
    for (const path of ['', '/page.css', '/snapshot']) {
      const { headers } = await fetch(url + path);
      expect(Object.fromEntries(headers)).toMatchObject({
        'content-security-policy': expect.stringMatching(/^default-src 'none'.*frame-ancestors 'none'$/),
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
      });
    }
  });

  it('leaves the other routes and what is not there alone', async () => {
    const other = await fetch(url.replace('/locks', '/v1/locks/smiths'));
    expect(await other.json()).toEqual({ data: 'two' });
    for (const path of ['/page.html', '/snapshot/1', '/..%2fpage.html', '/constructor'])
      expect((await fetch(url + path)).status).toBe(404);
  });

  it('tells who holds a lock and who waits for it, under the name that is known', async () => {
    await using lock = await app.get(AdvisoryLockService).acquire('daily-report');
    const elsewhere = createLocks(database.url).service;
    const abort = new AbortController();
    const waiting = elsewhere.tryAcquire('daily-report', { waitMs: Infinity, signal: abort.signal });
    const outcome = waiting.catch((error: unknown) => error);
    defer(() => {
      abort.abort();
      return outcome;
    });
    let snapshot = await snapshotAt(url);
    while (snapshot.locks[0]?.waiters[0]?.pid === undefined) snapshot = await snapshotAt(url);
    const [holder] = snapshot.locks[0].holders;
    expect(snapshot).toMatchObject({
      database: database.name,
      canTerminate: true,
      counts: { locks: 1, holders: 1, waiters: 1, matching: 1 },
      locks: [
        {
          name: 'daily-report',
          key: { id: String(lock.key) },
          holders: [{ pid: expect.any(Number), clientAddress: '127.0.0.1', mode: 'exclusive' }],
          waiters: [{ mode: 'exclusive', blockedBy: [holder?.pid] }],
        },
      ],
      doctor: {
        isHealthy: true,
        problems: [],
        pooler: 'none',
        summary: expect.stringContaining('PostgreSQL'),
      },
    });
  });

  it('finds a lock by its name that nobody who was asked knows', async () => {
    await lockElsewhere(database, 'secret');
    await lockElsewhere(database, 'other');
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    const { counts, locks } = await snapshotAt(url, '?search=secret');
    expect(counts).toMatchObject({ locks: 2, matching: 1 });
    expect(locks).toMatchObject([{ name: 'secret', waiters: [] }]);
    const all = await snapshotAt(url);
    expect(all.locks.map(({ name }) => name)).toEqual([undefined, undefined]);
    expect((await snapshotAt(url, `?search=${locks[0]?.key.id ?? ''}&limit=1`)).counts.matching).toBe(1);
  });

  it.each([
    'limit=0',
    'limit=2001',
    'limit=x',
    'limit=1&limit=2',
    'search[a]=1&search=2',
    `search=${'x'.repeat(201)}`,
  ])('refuses the question %s', async (query) => {
    const response = await fetch(`${url}/snapshot?${query}`);
    expect(query.startsWith('search[') ? 400 : response.status).toBe(400);
  });
});
