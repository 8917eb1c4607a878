import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstValueFrom } from 'rxjs';
import { withClient } from '../support/admin.js';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { linkConsumer, packLibrary, run, TSC } from './consumer.js';
import { startFleet } from './fleet.js';

const BUILD_MS = 240_000;

const database = useTestDatabase();
let folder: string;
let prismaApp: string;
let drizzleApp: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleets-test-'));
  const tarball = await packLibrary(folder);
  const build = async (fixture: string): Promise<string> => {
    const app = await linkConsumer(fixture, tarball, folder);
    await run(app, process.execPath, [TSC]);
    return app;
  };
  [prismaApp, drizzleApp] = await Promise.all([build('prisma-graphql'), build('drizzle-tcp')]);
}, BUILD_MS);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

beforeEach(() =>
  database.query(`
    DROP TABLE IF EXISTS "Order", "Report";
    CREATE TABLE "Order" (id integer PRIMARY KEY, "paidBy" text);
    CREATE TABLE "Report" (id serial PRIMARY KEY, tick timestamptz NOT NULL, instance text NOT NULL);
    INSERT INTO "Order" VALUES (1), (2);
  `),
);

type Pay = (port: number, id: number) => Promise<unknown>;

/** Instances that start wait for locks, too: only an update that waits for the row is a payment. */
const isBeingPaid = async (): Promise<boolean> => {
  const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ILIKE 'UPDATE%'`;
  return (await database.query(waiting)).length === 1;
};

/** One instance pays the order, and waits for the row that another client has locked; the others are busy. */
async function payAtOnce(ports: number[], pay: Pay): Promise<unknown[]> {
  return withClient(database.url, async (client) => {
    await client.query('BEGIN; SELECT FROM "Order" WHERE id = 1 FOR UPDATE');
    const [first = 0, ...others] = ports;
    const paid = pay(first, 1);
    await until(isBeingPaid, 'the order is being paid');
    const refused = await Promise.all(others.map((port) => pay(port, 1)));
    const another = await pay(others[0] ?? 0, 2);
    await client.query('COMMIT');
    return [await paid, ...refused, another];
  });
}

/** Three ticks, each of which has run once. */
async function expectEachTickOnce(): Promise<void> {
  const ticks = () => database.query<{ runs: string }>('SELECT count(*) AS runs FROM "Report" GROUP BY tick');
  await until(async () => (await ticks()).length >= 3, 'three ticks have run');
  expect(new Set((await ticks()).map(({ runs }) => runs))).toEqual(new Set(['1']));
}

it('three instances with Prisma pay an order once by GraphQL, and run each tick once', async () => {
  const fleet = await startFleet(prismaApp, database.url);
  const pay: Pay = async (port, id) => {
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: `mutation { pay(id: ${id}) }` }),
    });
    const { data, errors } = (await response.json()) as {
      data: { pay: string } | null;
      errors?: { extensions: { code: string } }[];
    };
    return data?.pay ?? errors?.[0]?.extensions.code;
  };

  expect(await payAtOnce(fleet.ports, pay)).toEqual([
    'instance 1',
    'LOCK_UNAVAILABLE',
    'LOCK_UNAVAILABLE',
    'instance 2',
  ]);
  await expectEachTickOnce();
  // No error is printed, such as the stack of a busy lock.
  const printed = await fleet.stop();
  expect(printed.match(/^ready$/gm)).toHaveLength(3);
  expect(printed).not.toMatch(/ERROR/);
});

it('three microservices with Drizzle pay an order once, and run each tick once', async () => {
  const fleet = await startFleet(drizzleApp, database.url);
  const pay: Pay = (port, id) => {
    const client = ClientProxyFactory.create({
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port },
    });
    defer(() => client.close());
    return firstValueFrom(client.send<unknown>('pay', id)).catch((error: unknown) => error);
  };
  const busy = {
    status: 'error',
    code: 'LOCK_UNAVAILABLE',
    message: 'Another request holds this lock. Try again later.',
    statusCode: 409,
  };

  expect(await payAtOnce(fleet.ports, pay)).toEqual(['instance 1', busy, busy, 'instance 2']);
  await expectEachTickOnce();
  // Each call that was not handled is a warning.
  expect((await fleet.stop()).match(/was not handled/g)).toHaveLength(2);
});
