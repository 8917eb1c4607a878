import { describe, expect, it } from '@jest/globals';
import {
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  Inject,
  Injectable,
  Module,
} from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  AdvisoryLockModule,
  AdvisoryLockService,
  getAdvisoryLockToken,
  LockConfigurationError,
} from 'nestjs-advisory-lock';
import { AdvisoryLockDashboardModule } from 'nestjs-advisory-lock/dashboard';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';
import { bootstrapError, type Platform, postgres, serve } from './support/applications.js';
import { dashboardApp, snapshotAt, terminate } from './support/dashboards.js';
import { LogLines } from './support/log-lines.js';

const database = useTestDatabase();

@Injectable()
class Staff {
  readonly names = ['ann'];
}

@Module({ providers: [Staff], exports: [Staff] })
class StaffModule {}

@Injectable()
class StaffGuard implements CanActivate {
  constructor(@Inject(Staff) private readonly staff: Staff) {}

  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
    return this.staff.names.includes(headers['x-user'] ?? '');
  }
}

const denyAll: CanActivate = { canActivate: () => false };

describe.each<Platform>(['express', 'fastify'])('the dashboard on %s', (platform) => {
  it('admits the users that its guards admit, at every route', async () => {
    const options = { guards: [StaffGuard], imports: [StaffModule], allowTerminate: true };
    const { url } = await serve(platform, dashboardApp(database, options));
    for (const path of ['', '/', '/page.css', '/page.js', '/snapshot']) {
      const refused = await fetch(`${url}/locks${path}`);
      expect([path, refused.status]).toEqual([path, 403]);
      expect(refused.headers.get('content-security-policy')).toContain("default-src 'none'");
      const admitted = await fetch(`${url}/locks${path}`, { headers: { 'x-user': 'ann' } });
      expect([path, admitted.status]).toEqual([path, 200]);
    }
    expect((await terminate(`${url}/locks`, {})).status).toBe(403);
  });

  it('can be there twice, each for other locks and other people', async () => {
    const { app, url } = await serve(platform, {
      imports: [
        postgres(database),
        AdvisoryLockModule.forRoot(),
        AdvisoryLockModule.forRoot({ name: 'archive', namespace: 'archive' }),
        AdvisoryLockDashboardModule.forRoot({ path: 'locks', guards: [denyAll] }),
        AdvisoryLockDashboardModule.forRoot({ path: 'archive/locks', public: true, connection: 'archive' }),
      ],
    });
    await using lock = await app.get<AdvisoryLockService>(getAdvisoryLockToken('archive')).acquire('import');
    expect((await fetch(`${url}/locks`)).status).toBe(403);
    const { locks } = await snapshotAt(`${url}/archive/locks`);
    expect(locks).toMatchObject([{ name: 'import', key: { id: String(lock.key) } }]);
  });
});

it('the dashboard lets a public page end holders under its own host names alone', async () => {
  const options = { public: true, allowTerminate: true, everyoneMayTerminate: true };
  const { url } = await serve('express', dashboardApp(database, { ...options, allowedHosts: ['ops.test'] }));
  const response = await terminate(`${url}/locks`, {});
  expect([response.status, await response.text()]).toEqual([403, expect.stringContaining('127.0.0.1')]);
});

it('the dashboard is there for a Fastify that ignores slashes at the end', async () => {
  const module = await Test.createTestingModule(dashboardApp(database, { public: true }))
    .setLogger(new LogLines())
    .compile();
  const adapter = new FastifyAdapter({
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true },
  });
  const app: INestApplication = module.createNestApplication(adapter);
  defer(() => app.close());
  await app.listen(0, '127.0.0.1');
  for (const path of ['/locks', '/locks/', '/locks/page.js'])
    expect((await fetch((await app.getUrl()) + path)).status).toBe(200);
});

describe('the dashboard refuses to start', () => {
  it.each<[string, unknown, RegExp]>([
    [
      'without guards',
      {},
      /^AdvisoryLockDashboardModule must have guards or `public: true`, .*`guards: \[AdminGuard\]`/,
    ],
    ['with no guard in the list', { guards: [] }, /must have guards/],
    ['when it is not quite public', { public: false }, /must have guards/],
    ['without options', undefined, /must be an object, received undefined/],
    ['with a middleware for a guard', { guards: [() => true] }, /`guards`.*must be a list of guards/],
    ['with a class for a guard that is none', { guards: [Staff] }, /`guards`.*a method canActivate\(\)/],
    [
      'when everyone could end holders',
      { public: true, allowTerminate: true },
      /must have guards, received `public: true`.*`everyoneMayTerminate: true`/,
    ],
    [
      'when everyone could run jobs',
      { public: true, allowControl: true },
      /`allowControl: true` must have guards, received `public: true`.*`everyoneMayControl: true`/,
    ],
    [
      'when everyone may end holders, and could run jobs as well',
      { public: true, allowTerminate: true, everyoneMayTerminate: true, allowControl: true },
      /`everyoneMayControl: true`/,
    ],
    [
      'when a class of options says so',
      new (class {
        get public() {
          return true;
        }
        get allowTerminate() {
          return true;
        }
      })(),
      /must have guards, received `public: true`/,
    ],
    ['with an address for a host', { public: true, allowedHosts: ['a.example:80'] }, /`allowedHosts`/],
    [
      'with an unknown option',
      { public: true, readOnly: true },
      /unknown option `readOnly`.*Known options: path, guards/,
    ],
    ['at the root', { public: true, path: '/' }, /`path`.*such as 'ops\/locks'/],
    [
      'at a path with a parameter',
      { public: true, path: ':tenant/locks' },
      /`path`.*received the string ":tenant\/locks"/,
    ],
    [
      'when to end holders is allowed by a text',
      { public: true, allowTerminate: 'no' },
      /`allowTerminate`.*a boolean/,
    ],
  ])('%s', (_, options, message) => {
    const start = (): unknown => AdvisoryLockDashboardModule.forRoot(options as { public: true });
    expect(start).toThrow(message);
    expect(start).toThrow(LockConfigurationError);
  });

  it('without the locks that it shall show', async () => {
    const dashboard = AdvisoryLockDashboardModule.forRoot({ public: true, connection: 'archive' });
    const error = await bootstrapError({
      imports: [postgres(database), AdvisoryLockModule.forRoot(), dashboard],
    });
    expect(error.message).toContain('AdvisoryLockModule.forRoot({ name: "archive" })');
  });
});
