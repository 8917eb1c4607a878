import { request } from 'node:http';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { AdvisoryLock } from 'nestjs-advisory-lock';
import type { TerminateRequest } from '../../lib/dashboard/server/dashboard-snapshot.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { type Platform, serve } from './support/applications.js';
import { dashboardApp, OF_THE_PAGE, requestToEnd, terminate } from './support/dashboards.js';
import type { LogLines } from './support/log-lines.js';

const database = useTestDatabase({ connectionsMayStay: true });

const GUESSED = {
  key: { id: '1', classid: 0, objid: 1, objsubid: 1 },
  pid: 1,
  backendId: '1@1',
  reason: 'why not',
} as const;

/** A request under another host name, such as after DNS rebinding: fetch() lets no one set the header. */
function terminateAt(url: string, body: unknown, host: string): Promise<{ status?: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { ...OF_THE_PAGE, host, origin: `http://${host}` };
    const sent = request(`${url}/terminate`, { method: 'POST', headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => {
        resolve({ ...(response.statusCode !== undefined && { status: response.statusCode }), text });
      });
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

/** Of another process. */
function held(name: string): Promise<AdvisoryLock> {
  return createLocks(database.url).service.acquire(name);
}

describe.each<Platform>(['express', 'fastify'])('to end a holder from the dashboard on %s', (platform) => {
  let url: string;
  let log: LogLines;

  beforeAll(async () => {
    const metadata = dashboardApp(database, {
      path: 'ops/locks',
      public: true,
      allowTerminate: true,
      everyoneMayTerminate: true,
    });
    ({ url, log } = await serve(platform, metadata));
    url += '/ops/locks';
  });

  it('notifies the holder, and logs the reason and the origin', async () => {
    const lock = await held('import');
    const request = await requestToEnd(database);
    const response = await terminate(url, request, { ...OF_THE_PAGE, origin: new URL(url).origin });
    expect([response.status, await response.json()]).toEqual([200, { ended: [request.pid] }]);
    await until(() => lock.signal.aborted, 'the holder is notified');
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
    expect(log.matching(/was ended/)).toEqual([
      expect.stringMatching(
        /^warn \[AdvisoryLockInspector\] .* was ended: it hangs \(through the dashboard, from .*127\.0\.0\.1\)$/,
      ),
    ]);
  });

  it('ends no holder when the lock has changed hands in the meantime', async () => {
    const lock = await held('import');
    const request = await requestToEnd(database);
    await lock.release();
    await using successor = await held('import');
    const response = await terminate(url, request);
    expect([response.status, await response.json()]).toEqual([200, { ended: [] }]);
    expect((await requestToEnd(database)).key.id).toBe(String(successor.key));
  });

  it('ends no holder when it has released that lock and holds another', async () => {
    const { service } = createLocks(database.url);
    const lock = await service.acquire('import');
    const request = await requestToEnd(database);
    await using other = await service.acquire('export');
    await lock.release();
    expect(await (await terminate(url, request)).json()).toEqual({ ended: [] });
    expect((await requestToEnd(database)).key.id).toBe(String(other.key));
  });

  it('ends no holder when the pid belongs to another backend', async () => {
    await using lock = await held('import');
    const request = { ...(await requestToEnd(database)), backendId: '1@1' };
    expect(await (await terminate(url, request)).json()).toEqual({ ended: [] });
    expect((await requestToEnd(database)).key.id).toBe(String(lock.key));
  });

  it.each([
    ['of no page of ours', { 'content-type': 'application/json' }, 403],
    ['of a form', { ...OF_THE_PAGE, 'content-type': 'text/plain' }, 400],
    ['of another site', { ...OF_THE_PAGE, 'sec-fetch-site': 'cross-site' }, 403],
    ['of another port', { ...OF_THE_PAGE, 'sec-fetch-site': 'same-site' }, 403],
    ['of another origin', { ...OF_THE_PAGE, origin: 'http://evil.example' }, 403],
    ['of no origin', { ...OF_THE_PAGE, origin: 'null' }, 403],
  ])('is not for a request %s', async (_, headers, status) => {
    await using lock = await held('import');
    expect((await terminate(url, await requestToEnd(database), headers)).status).toBe(status);
    expect((await requestToEnd(database)).key.id).toBe(String(lock.key));
  });

  it.each<[string, unknown]>([
    ['a list', [GUESSED]],
    ['more than is asked for', { ...GUESSED, force: true }],
    ['a pid as text', { ...GUESSED, pid: '1' }],
    ['any backend', { ...GUESSED, backendId: '' }],
    ['an empty reason', { ...GUESSED, reason: ' ' }],
    ['a reason of two lines', { ...GUESSED, reason: 'why\nnot' }],
    ['a reason of another direction', { ...GUESSED, reason: 'why \u202Etoor' }],
    ['a reason of another line', { ...GUESSED, reason: 'why\u2028not' }],
    ['an object with a constructor of its own', { constructor: null }],
    ['a key with a constructor of its own', { ...GUESSED, key: { constructor: null } }],
    ['values with a constructor of their own', { ...GUESSED, reason: { constructor: null } }],
    ['properties of Object', { ...GUESSED, key: { toString: null, hasOwnProperty: 1 } }],
    ['null', null],
    ['a number', 7],
    ['a key that is not its id', { ...GUESSED, key: { ...GUESSED.key, objid: 2 } }],
    ['a key of the other space', { ...GUESSED, key: { ...GUESSED.key, objsubid: 2 } }],
    ['no key', { ...GUESSED, key: undefined }],
  ])('takes no %s', async (_, body) => {
    expect((await terminate(url, body)).status).toBe(400);
  });

  it('is not for a host whose name another site may have', async () => {
    await using lock = await held('import');
    const request = await requestToEnd(database);
    for (const host of ['evil.example', 'localhost.evil.example:81']) {
      const response = await terminateAt(url, request, host);
      expect([host, response.status]).toEqual([host, 403]);
      expect(response.text).toContain('allowedHosts');
    }
    expect((await terminateAt(url, { ...request, backendId: '1@1' }, '[::1]:3000')).status).toBe(200);
    expect((await requestToEnd(database)).key.id).toBe(String(lock.key));
  });

  it('takes no empty body', async () => {
    expect((await terminate(url, undefined)).status).toBe(400);
  });
});

it('requires permission to end a holder', async () => {
  const { url } = await serve('express', dashboardApp(database, { public: true }));
  await using lock = await held('import');
  const request: TerminateRequest = await requestToEnd(database);
  const response = await terminate(`${url}/locks`, request);
  expect(response.status).toBe(403);
  expect(await response.text()).toContain('allowTerminate');
  expect((await requestToEnd(database)).key.id).toBe(String(lock.key));
});
