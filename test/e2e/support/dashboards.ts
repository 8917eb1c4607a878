import { expect } from '@jest/globals';
import type { ModuleMetadata } from '@nestjs/common';
import {
  AdvisoryLockDashboardModule,
  type AdvisoryLockDashboardOptions,
} from 'nestjs-advisory-lock/dashboard';
import type {
  DashboardSnapshot,
  TerminateRequest,
} from '../../../lib/dashboard/server/dashboard-snapshot.js';
import { LockKey } from '../../../lib/core/index.js';
import type { TestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { lockedApp } from './applications.js';

/** What the page sends with a request that changes something. */
export const OF_THE_PAGE = { 'x-requested-with': 'nestjs-advisory-lock', 'content-type': 'application/json' };

/** An application with a dashboard. */
export function dashboardApp(
  database: TestDatabase,
  options: AdvisoryLockDashboardOptions,
  metadata: ModuleMetadata = {},
): ModuleMetadata {
  const imports = [AdvisoryLockDashboardModule.forRoot(options), ...(metadata.imports ?? [])];
  return lockedApp(database, { ...metadata, imports });
}

export async function snapshotAt(url: string, query = ''): Promise<DashboardSnapshot> {
  const response = await fetch(`${url}/snapshot${query}`);
  expect(response.status).toBe(200);
  return (await response.json()) as DashboardSnapshot;
}

/** The first snapshot of which that holds; they are a second old at most. */
export async function snapshotWhen(
  url: string,
  holds: (snapshot: DashboardSnapshot) => boolean,
  query = '',
): Promise<DashboardSnapshot> {
  let snapshot = await snapshotAt(url, query);
  await until(
    async () => holds(snapshot) || holds((snapshot = await snapshotAt(url, query))),
    'the dashboard shows it',
    45_000,
  ).catch((error: unknown) => {
    throw new Error(JSON.stringify(snapshot, undefined, 2), { cause: error });
  });
  return snapshot;
}

/** What the page would send to end the only holder of the only lock. */
export async function requestToEnd(database: TestDatabase): Promise<TerminateRequest> {
  const [row] = await database.query<{ pid: number; backend: string; classid: number; objid: number }>(
    `SELECT lock.pid, lock.pid || '@' || round(extract(epoch FROM backend_start) * 1000000)::int8 AS backend,
            classid::int8::float8 AS classid, objid::int8::float8 AS objid
       FROM pg_locks lock JOIN pg_stat_activity USING (pid)
      WHERE locktype = 'advisory' AND objsubid = 1 AND datname = current_database()`,
  );
  if (row === undefined) throw new Error('No backend holds a lock.');
  const key = { classid: row.classid, objid: row.objid, objsubid: 1 as const };
  return {
    key: { id: LockKey.inPgLocks(key).id, ...key },
    pid: row.pid,
    backendId: row.backend,
    reason: 'it hangs',
  };
}

export function terminate(
  url: string,
  body: unknown,
  headers: Record<string, string> = OF_THE_PAGE,
): Promise<Response> {
  return post(`${url}/terminate`, body, headers);
}

/** A request that changes something. */
export function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = OF_THE_PAGE,
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}
