import { beforeAll, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { DashboardParty, DashboardSnapshot } from '../../lib/dashboard/server/dashboard-snapshot.js';
import { compiled } from '../../scripts/compiled.mjs';
import { withClient } from '../support/admin.js';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

interface Order {
  id: number;
  packedBy?: string | null;
}

// Somewhere else each time: two fleets that start in the same moment could find the same port free.
const firstPort = 10_000 + Math.floor(Math.random() * 20_000);
const launcher = compiled(fileURLToPath(new URL('../../sample-app/src/fleet/main.ts', import.meta.url)));
const testTimeoutMs = 90_000;
const waitLimitMs = 40_000;

describe('the sample fleet', () => {
  const database = useTestDatabase({ after: 'the last test' });
  let fleet: FleetUnderTest;

  async function startAnew(): Promise<void> {
    await database.query('DROP SCHEMA IF EXISTS advisory_lock_shop CASCADE');
    fleet = startFleet({ DATABASE_URL: database.url });
    await fleet.instances();
  }

  async function endsAt(signal: 'SIGINT' | 'SIGTERM'): Promise<void> {
    const instances = await fleet.instances();

    fleet.launcher.kill(signal);

    expect(await fleet.exit).toEqual([0, null]);
    for (const { url } of instances) await expect(fetch(url)).rejects.toThrow('fetch failed');
    expect(await database.connections()).toEqual([]);
  }

  describe('without faults, and until its launcher is killed', () => {
    beforeAll(startAnew, testTimeoutMs);

    // Before all orders are paid: the fleet's own customers import new ones then.
    it(
      'imports for two of three callers at once',
      async () => {
        const urls = (await fleet.instances()).map(({ url }) => url);

        const responses = await Promise.all(urls.map((url) => fetch(`${url}/import`, { method: 'POST' })));

        expect(responses.map(({ status }) => status).sort()).toEqual([201, 201, 409]);
      },
      testTimeoutMs,
    );

    it(
      'runs each tick in one instance while the others skip it',
      async () => {
        const rows = await fleet.shows(/tick .+ daily report(?=.*wrote no\.)(?=.*skipped.*skipped)/, 3);

        const ticks = await database.query<{ dueAt: Date; runs: number }>(
          `SELECT "dueAt", count(*)::int AS runs FROM advisory_lock_shop.sales_reports
            WHERE "dueAt" IS NOT NULL GROUP BY 1 ORDER BY 1`,
        );
        expect(ticks.filter(({ dueAt, runs }) => dueAt.getTime() % 5_000 !== 0 || runs !== 1)).toEqual([]);
        const written = ticks.map(({ dueAt }) => dueAt.toLocaleTimeString('en-GB'));
        expect(written).toEqual(expect.arrayContaining(rows.map((row) => /tick (\S+)/.exec(row)?.[1])));

        const overlaps = await database.query(
          `SELECT a.id, b.id
             FROM advisory_lock_shop.sales_reports a
             JOIN advisory_lock_shop.sales_reports b ON a.id < b.id
              AND a."startedAt" < b."finishedAt" AND b."startedAt" < a."finishedAt"`,
        );
        expect(overlaps).toEqual([]);
      },
      testTimeoutMs,
    );

    it(
      'lets one of three callers pay an order, once',
      async () => {
        const urls = (await fleet.instances()).map(({ url }) => url);
        const { id } = await newestOrder(urls[0] ?? '');

        const responses = await Promise.all(
          urls.map((url) => fetch(`${url}/orders/${id}/pay`, { method: 'POST' })),
        );

        expect(responses.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
        const payer = responses.findIndex(({ status }) => status === 201);
        expect(await responses[payer]?.json()).toMatchObject({ id, paidBy: `shop-${payer + 1}` });
        const again = await fetch(`${urls[0] ?? ''}/orders/${id}/pay`, { method: 'POST' });
        expect(again.status).toBe(422);
      },
      testTimeoutMs,
    );

    it(
      'numbers receipts without gaps when all orders are paid at once',
      async () => {
        const urls = (await fleet.instances()).map(({ url }) => url);
        const orders = (await (await fetch(`${urls[0] ?? ''}/orders`)).json()) as Order[];

        const pay = async (id: number, url = ''): Promise<number> => {
          const { status } = await fetch(`${url}/orders/${id}/pay`, { method: 'POST' });
          // Busy, on a machine that is: try again.
          return status === 409 ? pay(id, url) : status;
        };
        const statuses = await Promise.all(orders.map(({ id }, n) => pay(id, urls[n % urls.length])));

        // The fleet's own customers may have been first.
        expect(statuses.filter((status) => ![201, 422].includes(status))).toEqual([]);
        const receipts = await database.query<{ receiptNumber: number }>(
          `SELECT "receiptNumber" FROM advisory_lock_shop.orders WHERE "paidAt" IS NOT NULL ORDER BY 1`,
        );
        expect(receipts.length).toBeGreaterThanOrEqual(orders.length);
        expect(orders.length).toBeGreaterThan(2);
        expect(receipts.map(({ receiptNumber }) => receiptNumber)).toEqual(receipts.map((_, n) => n + 1));
      },
      testTimeoutMs,
    );

    it(
      'hands an edit from one request and instance to the next, by its lease',
      async () => {
        const [one = '', other = '', third = ''] = (await fleet.instances()).map(({ url }) => url);
        const { id } = await newestOrder(one);
        const edit = (url: string) => fetch(`${url}/orders/${id}/edit`, { method: 'POST' });
        const put = (url: string, body: object) =>
          fetch(`${url}/orders/${id}`, {
            method: 'PUT',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body),
          });

        const begun = await edit(one);
        expect(begun.status).toBe(201);
        const { token } = (await begun.json()) as { token: string };
        expect((await edit(other)).status).toBe(409);

        const ended = await put(third, { token, item: 'Samovar' });
        expect(ended.status).toBe(200);
        expect(await ended.json()).toMatchObject({ id, item: 'Samovar' });
        expect((await put(one, { token, item: 'Teapot' })).status).toBe(410);
        expect((await put(one, { item: 'Teapot' })).status).toBe(400);
      },
      testTimeoutMs,
    );

    it(
      'shows which instance packs which orders',
      async () => {
        const [first] = await fleet.instances();
        const url = first?.url ?? '';
        await fleet.shows(/packing: shop-1 \d \d, shop-2 \d \d, shop-3 \d \d$/);
        // The fleet's own customers may import, and pay, at the same time.
        await until(
          async () => (await fetch(`${url}/import`, { method: 'POST' })).status === 201,
          'new orders',
          waitLimitMs,
        );
        const { id } = await newestOrder(url);
        const find = async (): Promise<Order | undefined> =>
          ((await (await fetch(`${url}/orders`)).json()) as Order[]).find((order) => order.id === id);
        await until(
          async () => (await fetch(`${url}/orders/${id}/pay`, { method: 'POST' })).status !== 409,
          'it is paid',
          waitLimitMs,
        );
        await until(async () => (await find())?.packedBy != null, 'it is packed', waitLimitMs);
        const shares = (await (await fetch(`${url}/orders/shares`)).json()) as Record<string, string>;
        expect(Object.keys(shares)).toHaveLength(6);
        expect((await find())?.packedBy).toBe(shares[id % 6]);
      },
      testTimeoutMs,
    );

    it(
      'shows a job that is paused in all instances, and runs it when it is asked for',
      async () => {
        const [one, other] = await fleet.instances();
        await fleet.shows(/stocktake +paused +paused +paused$/);
        const jobs = (await (await fetch(`${other?.url ?? ''}/jobs`)).json()) as { name: string }[];
        expect(jobs.find(({ name }) => name === 'stocktake')).toMatchObject({
          isPaused: true,
          reason: 'the shelves are being painted',
        });

        const run = await fetch(`${one?.url ?? ''}/jobs/stocktake/run`, { method: 'POST' });
        // The fleet's own operator may be first.
        expect([201, 409]).toContain(run.status);
        await fleet.shows(/stocktake +.*counted \d+/);
      },
      testTimeoutMs,
    );

    it(
      'serves the health of each instance, and the dashboard with the daily report and its ticks',
      async () => {
        const instances = await fleet.instances();
        for (const { url } of instances) {
          for (const route of ['live', 'ready']) {
            const response = await fetch(`${url}/health/${route}`);
            expect(response.status).toBe(200);
            expect(await response.json()).toMatchObject({
              details: { locks: { status: 'up', session: 'open' } },
            });
          }
        }

        const [line = ''] = await fleet.shows(/Dashboard: http/);
        const dashboard = line.replace(/^ *Dashboard: /, '');
        expect(instances.map(({ url }) => `${url}/locks`)).toContain(dashboard);
        const page = await fetch(dashboard);
        expect(page.status).toBe(200);
        expect(page.headers.get('content-type')).toContain('text/html');
        // The fleet's own accountant asks two instances at a time for a report.
        await until(
          async () => {
            const { locks } = await snapshot(dashboard);
            const report = locks.find(({ name }) => name === 'daily-report');
            return isOfShop(report?.holders[0]) && isOfShop(report?.waiters[0]);
          },
          'it shows which instance has the lock of the report, and which waits for it',
          waitLimitMs,
        );
        await until(
          async () => {
            const { jobs } = await snapshot(dashboard);
            const ticks = jobs.find(({ name }) => name === 'daily-report')?.ticks ?? [];
            return ticks.some(({ outcome, instances: each }) => outcome === 'ran' && each.length === 3);
          },
          'it shows a tick that ran in one instance, and what the others made of it',
          waitLimitMs,
        );
      },
      testTimeoutMs,
    );

    it(
      'continues with the remaining instances when one is killed',
      async () => {
        const [, second] = await fleet.instances();

        process.kill(second?.pid ?? NaN, 'SIGKILL');

        await fleet.shows(/shop-2 \(pid \d+\) is gone: SIGKILL/);
        await fleet.shows(/daily report +(wrote no\. \d+ +gone +skipped|skipped +gone +wrote no\. \d+)/, 2);
        await fleet.shows(/packing: shop-1 \d \d \d, shop-3 \d \d \d$/);
      },
      testTimeoutMs,
    );

    it(
      'leaves no instance behind when the launcher is killed',
      async () => {
        const instances = await fleet.instances();

        fleet.launcher.kill('SIGKILL');

        for (const { url } of instances) await stopsResponding(url);
      },
      testTimeoutMs,
    );
  });

  describe('whose leader is killed', () => {
    beforeAll(startAnew, testTimeoutMs);

    it(
      'shows the leader, and its successor when the leader is killed as the hint says',
      async () => {
        const instances = await fleet.instances();
        const [hint = ''] = await fleet.shows(/kill leader +kill -9 \d+/);
        const pid = Number(/kill -9 (\d+)/.exec(hint)?.[1]);
        const leader = instances.findIndex((instance) => instance.pid === pid);
        expect(await fleet.shows(/ leads$/)).toEqual([expect.stringContaining(`shop-${leader + 1} `)]);

        process.kill(pid, 'SIGKILL');

        const [handOver = ''] = await fleet.shows(/shop-\d leads \(\d+ ms after/);
        expect(handOver).toMatch(new RegExp(`after shop-${leader + 1} was gone\\)$`));
        const next = Number(/shop-(\d)/.exec(handOver)?.[1]) - 1;
        expect(next).not.toBe(leader);
        await fleet.shows(priceDesk(next, leader));
      },
      testTimeoutMs,
    );

    it('ends with exit code 0 at SIGTERM, and nothing is left', () => endsAt('SIGTERM'), testTimeoutMs);
  });

  describe('whose leader stops', () => {
    beforeAll(startAnew, testTimeoutMs);

    it(
      'shows the successor when the leader stops',
      async () => {
        const [hint = ''] = await fleet.shows(/kill leader +kill -9 \d+/);

        process.kill(Number(/kill -9 (\d+)/.exec(hint)?.[1]), 'SIGTERM');

        await fleet.shows(/shop-\d leads \(\d+ ms after shop-\d stopped leading\)$/);
      },
      testTimeoutMs,
    );

    it('ends with exit code 0 at SIGINT, and nothing is left', () => endsAt('SIGINT'), testTimeoutMs);
  });

  it(
    'says what is wrong when the database cannot be reached',
    async () => {
      const fleet = startFleet({ DATABASE_URL: 'postgres://127.0.0.1:1/nowhere' });

      await fleet.shows(/cannot go on: connect ECONNREFUSED 127\.0\.0\.1:1/);
      expect(await fleet.exit).toEqual([1, null]);
    },
    testTimeoutMs,
  );
});

describe('the sample fleet without DATABASE_URL', () => {
  it(
    'starts its own Postgres, and ends it too',
    async () => {
      const fleet = startFleet({ DATABASE_URL: '' });
      await fleet.instances();
      const [line = ''] = await fleet.shows(/It listens at (.+)/);
      const url = line.replace('It listens at ', '');
      expect(await withClient(url, async (client) => (await client.query('SELECT 1')).rowCount)).toBe(1);

      fleet.launcher.kill('SIGINT');

      expect(await fleet.exit).toEqual([0, null]);
      await expect(withClient(url, () => Promise.resolve())).rejects.toThrow('ECONNREFUSED');
    },
    testTimeoutMs,
  );
});

/** The launcher that `npm start` runs, from its source. It is killed after the test, with its instances. */
function startFleet(env: NodeJS.ProcessEnv): FleetUnderTest {
  const child = spawn(process.execPath, [launcher], {
    env: { ...process.env, PORT: String(firstPort), ...env, NO_COLOR: '1', FORCE_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const fleet = new FleetUnderTest(child);
  defer(async () => {
    child.kill('SIGKILL');
    await fleet.exit;
  });
  return fleet;
}

class FleetUnderTest {
  /** Resolves with the exit code and the signal. */
  readonly exit: Promise<unknown[]>;
  private output = '';

  constructor(readonly launcher: ChildProcess) {
    this.exit = once(launcher, 'close');
    for (const stream of [launcher.stdout, launcher.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
        launcher.emit('output');
      });
    }
  }

  /** Waits until that many lines match. */
  async shows(pattern: RegExp, count = 1): Promise<string[]> {
    const limit = AbortSignal.timeout(waitLimitMs);
    for (;;) {
      const lines = this.output.split('\n').filter((line) => pattern.test(line));
      if (lines.length >= count) return lines;
      if (limit.aborted) throw new Error(`Not shown ${count} times: ${String(pattern)} in\n${this.output}`);
      await once(this.launcher, 'output', { signal: limit }).catch(() => undefined);
    }
  }

  /** Resolves when all instances are up, with what the terminal says of them. */
  async instances(): Promise<{ url: string; pid: number }[]> {
    await this.shows(/stop all/);
    return [...this.output.matchAll(/(http:\/\/\S+) +pid (\d+)/g)].map(([, url = '', pid]) => ({
      url,
      pid: Number(pid),
    }));
  }
}

/** The row of a job that runs where the leader is. */
function priceDesk(leader: number, gone: number): RegExp {
  const cells = [0, 1, 2].map((instance) => {
    if (instance === gone) return 'gone';
    return instance === leader ? 'tea at \\d+\\.\\d\\d' : 'not leading';
  });
  return new RegExp(`price desk +${cells.join(' +')}$`);
}

/** The fleet's own customers pay the oldest order that is open: the newest is left to the test. */
async function newestOrder(url: string): Promise<Order> {
  const response = await fetch(`${url}/orders`);
  const order = ((await response.json()) as Order[]).at(-1);
  if (!order) throw new Error('The shop has no orders.');
  return order;
}

async function snapshot(dashboard: string): Promise<DashboardSnapshot> {
  return (await (await fetch(`${dashboard}/snapshot`)).json()) as DashboardSnapshot;
}

function isOfShop(party: DashboardParty | undefined): boolean {
  return /^shop-\d$/.test(party?.instance ?? '');
}

async function stopsResponding(url: string): Promise<void> {
  const deadline = performance.now() + waitLimitMs;
  while (
    await fetch(url).then(
      () => true,
      () => false,
    )
  ) {
    if (performance.now() > deadline) throw new Error(`${url} still responds.`);
    await delay(50);
  }
}
