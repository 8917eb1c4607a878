import { describe, expect, it } from '@jest/globals';
import { deadlocksOf } from '../../lib/dashboard/server/dashboard-deadlocks.js';
import { dashboardInstancesOf } from '../../lib/dashboard/server/dashboard-instances.js';
import { dashboardLocksOf } from '../../lib/dashboard/server/dashboard-locks.js';
import type { DashboardLock } from '../../lib/dashboard/server/dashboard-snapshot.js';
import { linkBaseOf } from '../../lib/dashboard/server/page-files.js';
import { findLocks } from '../../lib/dashboard/server/search.js';
import { Sightings } from '../../lib/dashboard/server/sightings.js';
import { sightingOf, sinceOf } from '../../lib/dashboard/server/since.js';
import type { InstanceReport } from '../../lib/fleet/instance-report.js';
import { inspectedKey } from '../../lib/inspection/inspect-locks.js';
import type { InspectedBackend, InspectedLock } from '../../lib/inspection/inspected-lock.js';

function lockOf(objid: number, pid: number, more: Partial<InspectedLock> = {}): InspectedLock {
  return {
    key: inspectedKey(0, objid, 1),
    mode: 'exclusive',
    isGranted: true,
    backend: { pid, id: `${pid}@1` },
    blockedBy: [],
    ...more,
  };
}

function reportOf(instance: string, locks: InstanceReport['locks'], backends = [7]): InstanceReport {
  return { instance, backends, upMs: 1_000, locks, jobs: [] };
}

const sinceGiven = (lock: InspectedLock) => {
  const sinceMs = lock.isGranted ? lock.heldMs : lock.waitingMs;
  return sinceMs === undefined ? {} : { sinceMs };
};

describe('the locks of the dashboard', () => {
  it('have all holders and waiters; those with waiters first, then those held longest', () => {
    const locks = [
      lockOf(1, 10, { heldMs: 5_000, name: 'short' }),
      lockOf(2, 11, { heldMs: 9_000, name: 'long' }),
      lockOf(3, 12, { name: 'waited for' }),
      lockOf(4, 13, { name: 'unknown age' }),
      lockOf(3, 14, { isGranted: false, waitingMs: 50, blockedBy: [12] }),
      lockOf(3, 15, { isGranted: false, waitingMs: 80, blockedBy: [12, 14] }),
      lockOf(5, 16, { mode: 'shared', name: 'readers' }),
      lockOf(5, 17, { mode: 'shared' }),
    ];
    const shown = dashboardLocksOf({ locks, reports: [] }, sinceGiven);
    expect(shown.map(({ name }) => name)).toEqual(['waited for', 'long', 'short', 'readers', 'unknown age']);
    expect(shown[0]).toEqual({
      key: { id: '3', classid: 0, objid: 3, objsubid: 1 },
      name: 'waited for',
      holders: [{ pid: 12, backendId: '12@1', mode: 'exclusive', blockedBy: [] }],
      waiters: [
        { pid: 15, backendId: '15@1', mode: 'exclusive', sinceMs: 80, blockedBy: [12, 14] },
        { pid: 14, backendId: '14@1', mode: 'exclusive', sinceMs: 50, blockedBy: [12] },
      ],
    });
    expect(shown[3]?.holders).toHaveLength(2);
  });

  it('count the calls behind a waiter in Postgres, and those that wait inside the holder', () => {
    const locks = [
      lockOf(1, 7, { instance: 'web-1' }),
      lockOf(1, 8, { isGranted: false, instance: 'web-2', waitingMs: 70 }),
    ];
    const reports = [
      reportOf('web-1', [{ key: '1', name: 'a', heldMs: 90, waiters: 2, waitedMs: 30 }], [7]),
      reportOf('web-2', [{ key: '1', name: 'a', waiters: 3, waitedMs: 71 }], [8]),
      reportOf('web-3', [{ key: '99', name: 'gone', waiters: 1 }], [9]),
    ];
    const [shown, ...rest] = dashboardLocksOf({ locks, reports }, sinceGiven);
    expect(rest).toEqual([]);
    expect(shown?.waiters).toMatchObject([
      { pid: 8, instance: 'web-2', sinceMs: 70, callsWaiting: 3 },
      { instance: 'web-1', sinceMs: 30, callsWaiting: 2, blockedBy: [7] },
    ]);
    expect(shown?.waiters[1]).not.toHaveProperty('pid');
  });
});

describe('what is reported of one lock by many', () => {
  it('is gathered in linear time, and no strange report counts', () => {
    const holders = Array.from({ length: 2_000 }, (_, n) => lockOf(1, n + 1, { mode: 'shared' }));
    const waiters = Array.from({ length: 2_000 }, (_, n) => lockOf(1, n + 10_001, { isGranted: false }));
    const reported = [{ key: '1', name: 'a', waiters: 1 }];
    const reports = Array.from({ length: 3_000 }, (_, n) =>
      reportOf(`web-${n}`, reported, [n + 10_001, ...Array.from({ length: 199 }, (_, m) => 50_000 + n + m)]),
    );
    const [shown] = dashboardLocksOf({ locks: [...holders, ...waiters], reports }, sinceGiven);
    expect(shown?.waiters).toHaveLength(3_000);
    expect(shown?.waiters.filter(({ callsWaiting }) => callsWaiting === 1)).toHaveLength(3_000);
    expect(shown?.waiters.at(-1)?.blockedBy).toHaveLength(100);
    const unconfirmed = reports.map((report) => ({ ...report, isUnconfirmed: true }));
    const [without] = dashboardLocksOf({ locks: waiters, reports: unconfirmed }, sinceGiven);
    expect(without?.waiters).toHaveLength(2_000);
    expect(without?.waiters.some(({ callsWaiting }) => callsWaiting !== undefined)).toBe(false);
  });
});

describe('for how long a lock has been held', () => {
  const idle: InspectedBackend = { pid: 1, state: 'idle in transaction', stateChangedAt: new Date(60_000) };

  it('is what its holder says', () => {
    expect(sinceOf(lockOf(1, 1, { heldMs: 41.7 }), new Sightings(), 0)).toEqual({ sinceMs: 42 });
  });

  it('is at least as long as its backend has been idle, by the clock of the server', () => {
    const since = sinceOf(lockOf(1, 1, { backend: idle }), new Sightings(), 62_000);
    expect(since).toEqual({ sinceMs: 2_000, isAtLeast: true });
    expect(sinceOf(lockOf(1, 1, { backend: { ...idle, state: 'active' } }), new Sightings(), 62_000)).toEqual(
      {},
    );
  });

  it('is at least as long as it has been seen at each look, with the same backend', () => {
    const sightings = new Sightings();
    const [seen, other] = [lockOf(1, 1), lockOf(1, 1, { backend: { pid: 1, id: '1@2' } })];
    for (const ms of [0, 1_000, 2_000]) sightings.note([sightingOf(seen)], ms);
    expect(sinceOf(seen, sightings, 0)).toEqual({ sinceMs: 2_000, isAtLeast: true });
    expect(sinceOf(other, sightings, 0)).toEqual({});
    sightings.note([], 3_000);
    sightings.note([sightingOf(seen)], 4_000);
    expect(sightings.ageMs(sightingOf(seen))).toBe(0);
  });

  it('is not known across a time without observers', () => {
    const sightings = new Sightings();
    for (const ms of [0, 60_000]) sightings.note(['a'], ms);
    expect(sightings.ageMs('a')).toBe(0);
  });
});

describe('the search', () => {
  const pair = { id: '(-1, 2)', classid: 4_294_967_295, objid: 2, objsubid: 2 as const };
  const party = { mode: 'exclusive' as const, blockedBy: [] };
  const locks: DashboardLock[] = [
    {
      key: { id: '4294967298', classid: 1, objid: 2, objsubid: 1 },
      name: 'Daily Report',
      holders: [{ ...party, pid: 4_711, instance: 'web-1:17', clientAddress: '10.0.0.5' }],
      waiters: [{ ...party, applicationName: 'psql', user: 'ann' }],
    },
    { key: pair, tool: 'Flyway', holders: [party], waiters: [] },
  ];
  const found = (text: string) => findLocks(locks, text, () => undefined).map((lock) => locks.indexOf(lock));

  it.each(['daily', ' REPORT', '4294967298', '1:2:1', '4711', 'web-1', '10.0.0.', 'psql', 'ann'])(
    'finds a lock by %s',
    (text) => {
      expect(found(text)).toEqual([0]);
    },
  );

  it.each(['(-1, 2)', '-1,2', '-4294967294', '4294967295:2', 'flyway'])('finds a pair by %s', (text) => {
    expect(found(text)).toEqual([1]);
  });

  it('finds everything without a search, and nothing by an unknown text', () => {
    expect([found(''), found(' '), found('nightly')]).toEqual([[0, 1], [0, 1], []]);
  });

  it('shows a lock of unknown name under the name that has its key', () => {
    const keyIdOf = () => pair.id;
    expect(findLocks(locks, 'import', keyIdOf)).toEqual([{ ...locks[1], name: 'import' }]);
    expect(findLocks(locks, 'import', () => locks[0]?.key.id)).toEqual([]);
  });

  it('alone finds claims on ticks', () => {
    const [first, ...others] = locks;
    const claim = { ...first, name: 'nightly@2026-01-01', isClaim: true } as DashboardLock;
    expect(findLocks([claim, ...others], '', () => undefined)).toEqual(others);
    expect(findLocks([claim, ...others], 'nightly@', () => undefined)).toEqual([claim]);
  });
});

it('the instances are those that reported, and those with silent backends', () => {
  const silent = [3, 4].map((pid) => ({ pid, instance: 'web-2' }));
  const reports = [reportOf('web-1', [], [7]), { ...reportOf('web-1', [], [8]), upMs: 1_500 }];
  expect(dashboardInstancesOf({ reports, silent: [...silent, { pid: 9, instance: 'web-1' }] })).toEqual([
    { name: 'web-1', backends: [7, 8, 9], upMs: 1_500, isSilent: false },
    { name: 'web-2', backends: [3, 4], isSilent: true },
  ]);
});

it('a report that is not confirmed is an instance of its own, whatever name it has', () => {
  const reports = [reportOf('web-1', [], [7]), { ...reportOf('web-1', [], [66]), isUnconfirmed: true }];
  expect(dashboardInstancesOf({ reports, silent: [{ pid: 9, instance: 'web-1' }] })).toEqual([
    { name: 'web-1', backends: [7, 9], upMs: 1_000, isSilent: false },
    { name: 'web-1', backends: [66], upMs: 1_000, isSilent: false, isUnconfirmed: true },
  ]);
});

it.each([
  ['/locks', './locks/'],
  ['/api/locks?search=a/b', './locks/'],
  ['/locks/', './'],
  ['/', './'],
  ['/%22%3E%3Cscript%3E', './%22%3E%3Cscript%3E/'],
  ['/">', './%22%3E/'],
  ['/%zz', './%25zz/'],
])('the links of the page at %s begin with %s', (url, base) => {
  expect(linkBaseOf(url)).toBe(base);
});

it('the dashboard names each deadlock once, by confirmed reports alone', () => {
  const waiting = (instance: string, holds: string, waitsFor: string): InstanceReport => ({
    ...reportOf(instance, []),
    waits: [{ id: instance, keys: [waitsFor], name: waitsFor, inside: [{ key: holds, name: holds }] }],
  });
  const reports = [waiting('web-1', 'a', 'b'), waiting('web-2', 'b', 'a'), waiting('web-3', 'c', 'a')];
  expect(deadlocksOf(reports)).toEqual([
    'A call in web-1, inside "a", waits for "b"; a call in web-2, inside "b", waits for "a".',
  ]);
  expect(deadlocksOf(reports.map((report) => ({ ...report, isUnconfirmed: true })))).toEqual([]);
  expect(deadlocksOf(reports.slice(1))).toEqual([]);
});
