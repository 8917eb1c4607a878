import { beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { LockKey, resultsOf, statementFor } from '../../lib/core/index.js';
import { withClient } from '../support/admin.js';
import { createLocks } from '../support/locks.js';
import { testsTogether } from '../support/tests-together.js';
import { until } from '../support/until.js';
import { closeAfterTest } from './support/close-after-test.js';
import { describeWith } from './support/describe-with.js';
import { startPgBouncer } from './support/pgbouncer.js';
import { catchUp, startPrimary, startStandby } from './support/postgres-cluster.js';
import type { PostgresNode } from './support/postgres-node.js';
import { startProxy } from './support/tcp-proxy.js';

const QUICK = { heartbeatMs: 300, lostAfterMs: 1_500 };

const lockCount = ({ socketUrl }: PostgresNode, condition = 'true'): Promise<number> =>
  withClient(socketUrl, async (client) => {
    const { rows } = await client.query<{ count: number }>(
      `SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND ${condition}`,
    );
    return rows[0]?.count ?? NaN;
  });

const connectionCount = ({ socketUrl }: PostgresNode): Promise<number> =>
  withClient(socketUrl, async (client) => {
    const { rows } = await client.query<{ count: number }>(
      `SELECT count(*)::int FROM pg_stat_activity WHERE application_name LIKE 'nestjs-advisory-lock %'`,
    );
    return rows[0]?.count ?? NaN;
  });

const isStandby = { code: 'LOCK_CONNECTION', message: expect.stringContaining('standby') as unknown };

describe('a hot standby', () => {
  let primary: PostgresNode;
  let standby: PostgresNode;
  beforeAll(async () => {
    primary = await closeAfterTest(startPrimary());
    standby = await closeAfterTest(startStandby(primary));
  });

  it('is refused, and nothing stays open', async () => {
    const { service } = createLocks(standby.url);
    for (const attempt of [
      () => service.acquire('import'),
      () => service.acquire('import', { waitMs: Infinity }),
      () => service.acquire(['a', 'b'], { mode: 'shared' }),
      () => service.isLocked('import'),
    ]) {
      await expect(attempt()).rejects.toMatchObject(isStandby);
    }
    expect(await service.diagnose()).toMatchObject({
      isHealthy: false,
      problems: [{ code: 'STANDBY', message: isStandby.message }],
      connections: { open: 0 },
    });
    await until(async () => (await connectionCount(standby)) === 0, 'nothing stays open');
  });

  it.each([1, 2])('refuses in the statement itself, which takes nothing, for %i keys', async (count) => {
    const requests = Array.from({ length: count }, (_, n) => ({
      operation: 'try' as const,
      mode: 'exclusive' as const,
      key: LockKey.of(n + 1),
    }));
    await withClient(standby.url, async (client) => {
      const { text, values } = statementFor(requests);
      const query = { text, values: [...(values ?? [])], rowMode: 'array' as const };
      const queryColumn = async () => (await client.query<(string | null)[]>(query)).rows[0] ?? [];
      const column = await queryColumn();
      expect(() => resultsOf(column, count)).toThrow(/standby/);
      expect(await lockCount(standby)).toBe(0);
    });
  });

  describeWith('pgbouncer', 'that a pooler turns to', () => {
    it('is refused, and holders are notified; the primary is used again', async () => {
      const proxy = await closeAfterTest(startProxy(primary.url));
      const bouncer = await closeAfterTest(startPgBouncer(proxy.url(primary.url), { mode: 'transaction' }));
      const { service } = createLocks(bouncer.url);
      const lock = await service.acquire('import');
      const loss = once(lock.signal, 'abort');
      proxy.target = standby.url;
      proxy.cut();
      await loss;
      for (const options of [{}, { waitMs: 5_000 }]) {
        await expect(service.acquire('import', options)).rejects.toMatchObject(isStandby);
      }
      expect(await lockCount(standby)).toBe(0);

      proxy.target = primary.url;
      proxy.cut();
      await until(
        () =>
          service
            .withLock('import', async () => (await lockCount(primary)) === 1)
            .catch((error: unknown) => {
              expect(error).toMatchObject({ code: 'LOCK_CONNECTION' });
              return false;
            }),
        'locks are taken on the primary again',
      );
    });

    it('is refused by sessions that held nothing when the pooler turned', async () => {
      const proxy = await closeAfterTest(startProxy(primary.url));
      const bouncer = await closeAfterTest(startPgBouncer(proxy.url(primary.url), { mode: 'transaction' }));
      const { service } = createLocks(bouncer.url);
      await (await service.acquire('import')).release();
      proxy.target = standby.url;
      proxy.cut();
      await until(
        () =>
          service.acquire('import').then(
            () => false,
            (error: unknown) => /standby/.test(String(error)),
          ),
        'the refusal says why',
      );
      expect(await lockCount(standby)).toBe(0);
    });
  });

  it('is taken once it is promoted, by an application that lives on', async () => {
    const { service } = createLocks(standby.url);
    await expect(service.acquire('import')).rejects.toMatchObject(isStandby);
    await primary.crash();
    await standby.promote();
    await using lock = await service.acquire('import');
    expect(await lock.fencingToken()).toBeGreaterThan(0n);
    expect(await lockCount(standby)).toBe(1);
    expect(await service.diagnose()).toMatchObject({ isHealthy: true, server: { isInRecovery: false } });
  });
});

const { it: itAtOnce } = testsTogether();

for (const fault of ['has crashed', 'is cut off'] as const)
  describe(`after a failover from a primary that ${fault}`, () => {
    itAtOnce('notifies holders, and grants the lock on the new one, with a larger token', async () => {
      const primary = await closeAfterTest(startPrimary());
      const standby = await closeAfterTest(startStandby(primary));
      const proxy = await closeAfterTest(startProxy(primary.url));
      const url = proxy.url(primary.url);
      const [holder, waiter, late] = [
        createLocks(url, QUICK),
        createLocks(url, QUICK),
        createLocks(url, QUICK),
      ];
      const held = await holder.service.acquire('import');
      const token = await held.fencingToken();
      await (await late.service.acquire('other')).release();
      const waiting = waiter.service.acquire('import', { waitMs: Infinity });
      const outcome = waiting.then(
        (lock) => lock,
        (error: unknown) => error,
      );
      await until(async () => (await lockCount(primary, 'NOT granted')) === 1, 'a caller waits');
      await catchUp(primary, standby);

      const loss = once(held.signal, 'abort');
      if (fault === 'has crashed') await primary.crash();
      else proxy.silence();
      await standby.promote();
      await loss;
      expect(held.signal.reason).toMatchObject({ code: 'LOCK_LOST', lockName: 'import' });
      if (fault === 'is cut off') {
        // The third one is idle, and does not find out before its next lock.
        const areGivenUp = () => [holder, waiter].every(({ engine }) => engine.connectionCounts.open === 0);
        await until(areGivenUp, 'no busy instance believes in the old primary any more', 30_000);
      }
      proxy.target = standby.url;
      proxy.resume();

      // Waiters try again, or fail because there was no database for a while.
      const next = await outcome;
      const lock =
        next instanceof Error ? await waiter.service.acquire('import', { waitMs: 10_000 }) : await waiting;
      expect(await lock.fencingToken()).toBeGreaterThan(token);
      expect(await lockCount(standby)).toBe(1);
      // The old primary, which lives on, would grant it.
      expect(await late.service.tryAcquire('import').catch(() => undefined)).toBeUndefined();
      for (const { service } of [holder, late]) {
        const busy = () =>
          service.tryAcquire('import').then(
            (other) => other === undefined,
            () => false,
          );
        await until(busy, 'all are on the new primary');
      }
      await lock.release();
      await (await holder.service.acquire('import')).release();
      await held.release();
    });
  });
