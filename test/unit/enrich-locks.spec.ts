import { expect, it } from '@jest/globals';
import { enrichLocks } from '../../lib/fleet/enrich-locks.js';
import type { InstanceReport } from '../../lib/fleet/instance-report.js';
import type { InspectedLock } from '../../lib/inspection/inspected-lock.js';

const now = new Date(1_800_000_000_000);

const waiter: InspectedLock = {
  key: { id: '42', form: 'bigint', bigint: '42', pair: [0, 42], classid: 0, objid: 42, objsubid: 1 },
  mode: 'exclusive',
  isGranted: false,
  backend: { pid: 7 },
  waitingSince: new Date(now.getTime() - 300),
  waitingMs: 300,
  blockedBy: [],
};

const report: InstanceReport = {
  instance: 'web-1',
  backends: [7],
  upMs: 90_000_000,
  locks: [{ key: '42', name: 'import', waiters: 2, waitedMs: 7_200_000 }],
  jobs: [],
};

const enrich = (lock: InspectedLock) => enrichLocks([lock], [report], now, () => undefined)[0];

it('shows since when the calls of an instance wait, however lately the backend joined the queue', () => {
  expect(enrich(waiter)).toMatchObject({
    callsWaiting: 2,
    waitingMs: 7_200_000,
    waitingSince: new Date(now.getTime() - 7_200_000),
  });
});

it('leaves the wait of a backend that no instance reports, and says nothing of holders', () => {
  expect(enrich({ ...waiter, backend: { pid: 8 } })).toMatchObject({ waitingMs: 300 });
  const { waitingMs, waitingSince, ...held } = { ...waiter, isGranted: true };
  expect([waitingMs, waitingSince]).toBeDefined();
  expect(enrich(held)).not.toHaveProperty('waitingMs');
});
