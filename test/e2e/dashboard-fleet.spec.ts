import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import pg from 'pg';
import { AdvisoryLockModule, AdvisoryLockService, ExclusiveCron } from 'nestjs-advisory-lock';
import { AdvisoryLockDashboardModule } from 'nestjs-advisory-lock/dashboard';
import { closeAfterTest } from '../faults/support/close-after-test.js';
import { startProxy } from '../faults/support/tcp-proxy.js';
import { defer } from '../support/cleanup.js';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { postgres, serve } from './support/applications.js';
import { dashboardApp, snapshotAt, snapshotWhen } from './support/dashboards.js';
import { FEATURES } from '../../lib/nest/features.js';
import { startPrimary } from '../faults/support/postgres-cluster.js';

const database = useTestDatabase();

@Injectable()
class Reports {
  @ExclusiveCron('* * * * * *', { name: 'each-second' })
  async eachSecond(): Promise<void> {
    return Promise.resolve();
  }
}

function worker(module: string, name: string): WorkerProcess {
  return startWorker(new URL(`./workers/${module}.ts`, import.meta.url), {
    args: [name],
    env: { TEST_URL: database.url },
  });
}

describe('the dashboard of one instance', () => {
  it('shows the instance that holds a lock, since when, and its waiters', async () => {
    const { app, url } = await serve('express', dashboardApp(database, { public: true }));
    const holder = worker('holder', 'daily-report');
    await holder.message<{ type: string }>(({ type }) => type === 'holding');
    const waiter = worker('waiter', 'daily-report');
    const abort = new AbortController();
    const calls = [1, 2].map(() =>
      app
        .get(AdvisoryLockService)
        .acquire('daily-report', { waitMs: Infinity, signal: abort.signal })
        .catch(() => undefined),
    );
    defer(() => {
      abort.abort();
      return Promise.all(calls);
    });
    const endOf = (name = ''): string => name.replace(/^.*:/, '');
    // Between two turns in the queue of Postgres a waiter is blocked by no one.
    const snapshot = await snapshotWhen(
      `${url}/locks`,
      ({ counts, instances, locks }) =>
        counts.waiters === 2 &&
        instances.length === 3 &&
        instances.every(({ isSilent }) => !isSilent) &&
        locks.every(({ waiters }) => waiters.every(({ blockedBy }) => blockedBy.length > 0)),
    );
    const [lock] = snapshot.locks;
    expect(snapshot.counts).toEqual({ locks: 1, holders: 1, waiters: 2, claims: 0, matching: 1 });
    expect(lock).toMatchObject({ name: 'daily-report', holders: [{ mode: 'exclusive', scope: 'session' }] });
    const [held] = lock?.holders ?? [];
    expect(endOf(held?.instance)).toBe(String(holder.pid));
    expect(held?.sinceMs).toBeGreaterThan(0);
    expect(held).not.toHaveProperty('isAtLeast');
    const waiting = new Map(lock?.waiters.map((party) => [endOf(party.instance), party]));
    expect([...waiting.keys()].sort()).toEqual([String(process.pid), String(waiter.pid)].sort());
    expect(waiting.get(String(process.pid))).toMatchObject({ callsWaiting: 2, mode: 'exclusive' });
    expect(waiting.get(String(waiter.pid))).toMatchObject({ callsWaiting: 1 });
    for (const party of waiting.values()) expect(party.blockedBy).toContain(held?.pid);
    expect(snapshot.instances.map(({ name }) => name)).toContain(snapshot.instance);
  });

  it('shows callers that wait inside the instance that holds the lock', async () => {
    const { app, url } = await serve('fastify', dashboardApp(database, { public: true }));
    const locks = app.get(AdvisoryLockService);
    const lock = await locks.acquire('import');
    const next = locks.acquire('import', { waitMs: Infinity });
    defer(async () => {
      await lock.release();
      await (await next).release();
    });
    const { locks: shown, instance } = await snapshotWhen(
      `${url}/locks`,
      ({ counts }) => counts.waiters === 1,
    );
    const [pid] = shown[0]?.holders.map((holder) => holder.pid) ?? [];
    expect(shown[0]?.waiters).toMatchObject([{ instance, callsWaiting: 1, blockedBy: [pid] }]);
    expect(shown[0]?.waiters[0]).not.toHaveProperty('pid');
  });

  it('shows the outcomes of the ticks of jobs, and when they are due next', async () => {
    const metadata = { imports: [ScheduleModule.forRoot()], providers: [Reports] };
    const { url } = await serve('express', dashboardApp(database, { public: true }, metadata));
    const { jobs, at, instance } = await snapshotWhen(`${url}/locks`, (snapshot) =>
      (snapshot.jobs[0]?.ticks ?? []).some(({ outcome }) => outcome === 'ran'),
    );
    expect(jobs).toMatchObject([
      { name: 'Reports.eachSecond', method: 'Reports.eachSecond', schedule: '* * * * * *' },
    ]);
    const [job] = jobs;
    expect(Date.parse(job?.nextAt ?? '')).toBeGreaterThan(Date.parse(at));
    const ran = job?.ticks.find(({ outcome }) => outcome === 'ran');
    expect(ran?.at).toMatch(/:\d\d\.000Z$/);
    expect(ran?.instances).toMatchObject([{ instance, outcome: 'ran' }]);
  });

  it('queries once a second for any number of viewers, and never without one', async () => {
    const { app, url } = await serve('express', dashboardApp(database, { public: true }));
    const { server } = app.get(AdvisoryLockService)[FEATURES].engine;
    const query = server.query.bind(server);
    let looks = 0;
    server.query = (statement) => {
      looks += statement.text.includes('pg_blocking_pids') ? 1 : 0;
      return query(statement);
    };
    const snapshots = await Promise.all(Array.from({ length: 50 }, () => snapshotAt(`${url}/locks`)));
    // On a slow machine the last of them may arrive more than a second after the first.
    expect(looks).toBe(new Set(snapshots.map(({ at }) => at)).size);
    expect(looks).toBeLessThan(10);
  });

  it('says so when the database is away, does not hang, and goes on when it is back', async () => {
    const proxy = await closeAfterTest(startProxy(database.url));
    const away = { ...database, url: proxy.url(database.url) };
    const { url } = await serve('express', {
      imports: [
        postgres(away),
        // By default it would give the connection up after half a minute.
        AdvisoryLockModule.forRoot({ heartbeatMs: 20_000, lostAfterMs: 30_000 }),
        AdvisoryLockDashboardModule.forRoot({ public: true }),
      ],
    });
    defer(() => {
      proxy.resume();
    });
    await snapshotWhen(`${url}/locks`, ({ problem }) => problem === undefined);
    proxy.silence();
    const silent = await snapshotWhen(`${url}/locks`, ({ problem }) => problem !== undefined);
    expect(silent).toMatchObject({
      problem: expect.stringMatching(/has not responded within/) as unknown,
      locks: [],
    });
    proxy.cut();
    await proxy.refuse();
    await snapshotWhen(`${url}/locks`, ({ problem = '' }) => problem.includes('ECONN'));
    proxy.resume();
    await proxy.accept();
    const back = await snapshotWhen(`${url}/locks`, ({ problem }) => problem === undefined);
    expect(back.database).toBe(database.name);
  });

  it('stays small and searchable with 10,000 locks', async () => {
    const server = await closeAfterTest(startPrimary({ flags: ['-c', 'max_locks_per_transaction=256'] }));
    const large = { ...database, url: server.url };
    const { url } = await serve('express', {
      imports: [
        postgres(large),
        AdvisoryLockModule.forRoot(),
        AdvisoryLockDashboardModule.forRoot({ public: true }),
      ],
    });
    const client = new pg.Client(server.url);
    await client.connect();
    defer(() => client.end());
    await client.query('SELECT count(pg_advisory_lock(n)) FROM generate_series(1, 10000) AS n');
    await snapshotWhen(`${url}/locks`, ({ counts }) => counts.locks === 10_000);
    const text = await (await fetch(`${url}/locks/snapshot`)).text();
    expect(text.length).toBeLessThan(300_000);
    expect((JSON.parse(text) as { locks: unknown[] }).locks).toHaveLength(200);
    const { counts, locks } = await snapshotAt(`${url}/locks`, '?search=9876');
    expect(counts).toEqual({ locks: 10_000, holders: 10_000, waiters: 0, claims: 0, matching: 1 });
    expect(locks).toMatchObject([{ key: { id: '9876' } }]);
  });
});
