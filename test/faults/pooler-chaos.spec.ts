import { expect, it } from '@jest/globals';
import { ScheduleModule } from '@nestjs/schedule';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AdvisoryLockError,
  AdvisoryLockModule,
  AdvisoryLockService,
  type LockOptions,
} from 'nestjs-advisory-lock';
import { start, type StartedApp } from '../e2e/support/applications.js';
import { withClient } from '../support/admin.js';
import { defer } from '../support/cleanup.js';
import { until } from '../support/until.js';
import { closeAfterTest } from './support/close-after-test.js';
import { describeWith } from './support/describe-with.js';
import { type PgBouncer, startPgBouncer } from './support/pgbouncer.js';
import { startPrimary } from './support/postgres-cluster.js';
import type { PostgresNode } from './support/postgres-node.js';

/** What calls may reject with while the server or the pooler is away. */
const EXPECTED = ['LOCK_CONNECTION', 'LOCK_LOST', 'LOCK_TIMEOUT', 'LOCK_UNAVAILABLE'];

const HOLD_MS = 10;

interface Hold {
  readonly loop: string;
  readonly signal: AbortSignal;
  readonly resource: string;
  /** How many may hold it at once. */
  readonly most?: number;
  readonly isShared?: boolean;
  readonly ms?: number;
}

/** What the instances do at the same time, and the overlaps of holders that must exclude each other. */
class Activity {
  /** How often each loop has got what it asks for. */
  readonly counts = new Map([
    ['leadership', 0],
    ['job', 0],
  ]);
  readonly unexpected: unknown[] = [];
  readonly overlaps: string[] = [];
  private readonly holders = new Map<string, { shared: number; exclusive: number }>();
  private readonly stopped = new AbortController();
  private readonly loops: Promise<void>[] = [];

  /** Repeats a call until the end of the test, as an application that tries again. */
  repeat(loop: string, call: () => Promise<unknown>): void {
    this.counts.set(loop, 0);
    const run = async (): Promise<void> => {
      while (!this.stopped.signal.aborted) {
        try {
          await call();
        } catch (error) {
          const isExpected = error instanceof AdvisoryLockError && EXPECTED.includes(error.code);
          if (!isExpected) this.unexpected.push(error);
          await sleep(50);
        }
      }
    };
    this.loops.push(run());
  }

  /** A body that lasts `ms` milliseconds, or until its lock is lost. */
  async hold({ loop, signal, resource, most = 1, isShared = false, ms = HOLD_MS }: Hold): Promise<void> {
    this.counts.set(loop, (this.counts.get(loop) ?? 0) + 1);
    const now = this.holders.get(resource) ?? { shared: 0, exclusive: 0 };
    this.holders.set(resource, now);
    const kind = isShared ? 'shared' : 'exclusive';
    now[kind] += 1;
    if (now.exclusive > most || (now.shared > 0 && now.exclusive > 0)) this.overlaps.push(resource);
    if (Number.isFinite(ms)) await sleep(ms, undefined, { signal }).catch(() => undefined);
    else if (!signal.aborted) await once(signal, 'abort');
    now[kind] -= 1;
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    await Promise.all(this.loops);
  }

  /** Waits until each loop has got what it asks for, more often than before. */
  async goesOn(before: ReadonlyMap<string, number> = new Map()): Promise<void> {
    const behind = (): string[] =>
      [...this.counts].filter(([loop, count]) => count <= (before.get(loop) ?? 0)).map(([loop]) => loop);
    await until(() => behind().length === 0, 'every loop goes on').catch((error: unknown) => {
      throw new Error(`Behind: ${behind().join()}`, { cause: error });
    });
  }
}

async function startInstance(url: string, activity: Activity, instance: string): Promise<StartedApp> {
  const locks = AdvisoryLockModule.forRoot({
    postgres: url,
    instanceName: instance,
    heartbeatMs: 200,
    lostAfterMs: 1_000,
  });
  const started = await start({ imports: [ScheduleModule.forRoot(), locks] });
  const service = started.app.get(AdvisoryLockService);
  const repeat = (
    loop: string,
    resource: string,
    options: LockOptions,
    hold: Pick<Hold, 'most' | 'isShared'> = {},
  ): void => {
    const name = `${loop} of ${instance}`;
    activity.repeat(name, () =>
      service.withLock(
        resource,
        ({ signal }) => activity.hold({ ...hold, loop: name, signal, resource }),
        options,
      ),
    );
  };
  const waitMs = 5_000;
  repeat('try', `own:${instance}`, {});
  repeat('wait', 'import', { waitMs });
  repeat('long wait', 'import', { waitMs: Infinity });
  repeat('permit', 'mail', { waitMs, permits: 2 }, { most: 2 });
  repeat('second permit', 'mail', { waitMs, permits: 2 }, { most: 2 });
  repeat('read', 'config', { waitMs, mode: 'shared' }, { isShared: true });
  repeat('write', 'config', { waitMs });

  service.lead('feed', (signal) =>
    activity.hold({ loop: 'leadership', signal, resource: 'feed', ms: Infinity }),
  );
  await service.exclusiveJob('job', '* * * * * *', async () => {
    const signal = service.current('job')?.signal;
    if (signal === undefined) throw new Error('The job runs without its lock.');
    await activity.hold({ loop: 'job', signal, resource: 'job' });
  });
  return started;
}

/** What is held, waited for or pinned in a transaction. */
function leftovers({ socketUrl }: PostgresNode): Promise<unknown[]> {
  const sql = `SELECT pid, 'lock' AS what FROM pg_locks WHERE locktype = 'advisory'
    UNION ALL SELECT pid, state FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()`;
  return withClient(socketUrl, async (client) => (await client.query<{ pid: number }>(sql)).rows);
}

interface Fault {
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
}

function faultsOf(server: PostgresNode, bouncer: PgBouncer): Fault[] {
  return [
    { begin: () => bouncer.kill(), end: () => bouncer.start() },
    { begin: () => server.crash(), end: () => server.start() },
    { begin: () => bouncer.stop(), end: () => bouncer.start() },
    {
      begin: () => Promise.all([server.stop('immediate'), bouncer.kill()]),
      end: async () => {
        await server.start();
        await bouncer.start();
      },
    },
  ];
}

describeWith('pgbouncer', 'with everything in use, through PgBouncer in transaction mode', () => {
  it('all loops go on after each fault, without two holders, and leave nothing behind', async () => {
    const server = await closeAfterTest(startPrimary());
    const bouncer = await closeAfterTest(startPgBouncer(server.url, { mode: 'transaction', poolSize: 30 }));
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    defer(() => process.off('unhandledRejection', note));
    const activity = new Activity();
    const instances = [
      await startInstance(bouncer.url, activity, 'web-1'),
      await startInstance(bouncer.url, activity, 'web-2'),
    ];
    defer(() => activity.stop());
    await activity.goesOn();

    for (const fault of faultsOf(server, bouncer)) {
      await fault.begin();
      const before = new Map(activity.counts);
      await fault.end();
      await activity.goesOn(before);
    }
    expect(activity.unexpected).toEqual([]);
    expect(activity.overlaps).toEqual([]);
    expect(unhandled).toEqual([]);
    // But for runs whose lock a fault has taken.
    for (const { log } of instances) expect(log.matching(/^error(?!.*was lost after)/)).toEqual([]);

    await activity.stop();
    for (const { app } of instances) await app.close();
    await until(async () => (await leftovers(server)).length === 0, 'nothing is left');
  });
});
