import { describe, expect, it } from '@jest/globals';
import {
  type Connection,
  type LockConnectionOptions,
  LockConnections,
  type PostgresOptions,
} from '../../lib/core/index.js';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

interface Where {
  readonly database: string;
  readonly user: string;
  readonly applicationName: string;
  readonly workMem: string;
}

/** A lock connection, for these options of the application. */
async function open(
  application: Partial<PostgresOptions>,
  connectionOptions: LockConnectionOptions = {},
): Promise<Connection> {
  const options: PostgresOptions = { type: 'postgres', ...application };
  const connections = new LockConnections(() => options, {
    connectionOptions,
    applicationName: 'nestjs-advisory-lock',
  });
  const connection = await connections.open();
  defer(async () => {
    await connection.close();
    await connections.close();
  });
  return connection;
}

/** Where a lock connection arrives. */
async function connect(...options: Parameters<typeof open>): Promise<Where> {
  const connection = await open(...options);
  const [row] = await connection.query({
    text: `SELECT json_build_object('database', current_database(), 'user', current_user,
      'applicationName', current_setting('application_name'), 'workMem', current_setting('work_mem'))`,
  });
  return JSON.parse(row ?? '') as Where;
}

const here = () => ({ database: database.name, applicationName: 'nestjs-advisory-lock' });

/** The address as TypeORM's single options. */
function fields(): { host: string; port: number; username: string; password: string; database: string } {
  const url = new URL(database.url);
  return {
    host: url.hostname,
    port: Number(url.port),
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: database.name,
  };
}

describe('the lock connection', () => {
  it('connects to the database of the application, by URL or fields, with its own name', async () => {
    expect(await connect({ url: database.url, applicationName: 'shop' })).toMatchObject(here());
    expect(await connect(fields())).toMatchObject(here());
  });

  it('is one connection, and none of the pool of the application', async () => {
    await connect({ url: database.url, poolSize: 7, extra: { min: 3 } });
    expect(await database.connections()).toMatchObject([{ applicationName: 'nestjs-advisory-lock' }]);
  });

  it('sends a statement along with the script before it, and neither when the script fails', async () => {
    const connection = await open({ url: database.url });
    const script = (value: string) =>
      `DO $$ BEGIN COMMIT; PERFORM set_config('test.value', ${value}, false); COMMIT; END $$`;
    const read = { text: "SELECT current_setting('test.value') || ' of ' || pg_backend_pid()" };
    expect(await connection.queryAfter(script("'one'"), read)).toEqual([
      `one of ${String(connection.backendPid)}`,
    ]);
    const write = { text: "SELECT set_config('test.value', 'written', false)" };
    await expect(connection.queryAfter(script('(1 / 0)::text'), write)).rejects.toMatchObject({
      code: '22012',
    });
    expect(await connection.query(read)).toEqual([`one of ${String(connection.backendPid)}`]);
  });

  it('asks a password function, for each connection', async () => {
    let asked = 0;
    const password = (): Promise<string> => {
      asked += 1;
      return Promise.resolve(fields().password);
    };
    expect(await connect({ ...fields(), password })).toMatchObject(here());
    // The second is for the test whether the server's locks exclude.
    expect(asked).toBe(2);
  });

  it('asks a password function of connectionOptions rather than the URL of the application', async () => {
    const url = new URL(database.url);
    const right = decodeURIComponent(url.password);
    url.password = 'outdated';
    let asked = 0;
    const password = (): string => {
      asked += 1;
      return right;
    };
    expect(await connect({ url: url.href }, { password })).toMatchObject(here());
    expect(asked).toBe(2);
  });

  it('keeps its own name and limits, whatever stands in the URL', async () => {
    const url = new URL(database.url);
    url.searchParams.set('application_name', 'shop');
    url.searchParams.set('query_timeout', '1');
    expect(await connect({ url: url.href })).toMatchObject(here());
    expect(await connect({}, { url: url.href })).toMatchObject(here());
  });

  it('takes over no option that changes how a connection responds', async () => {
    const extra = { pipeline: true, binary: true, types: { getTypeParser: () => () => 'nonsense' }, max: 1 };
    expect(await connect({ url: database.url, extra })).toMatchObject(here());
  });

  it('goes to the master alone where there is replication', async () => {
    const nowhere = { url: 'postgres://nobody@127.0.0.1:1/nothing' };
    const replication = { master: { url: database.url }, slaves: [nowhere], defaultMode: 'slave' as const };
    expect(await connect({ replication })).toMatchObject(here());
    // TypeORM ignores these beside `replication`.
    const master = fields();
    const ignored = { ...nowhere, ssl: true, password: 'wrong', extra: { application_name: 'shop' } };
    expect(await connect({ ...ignored, replication: { ...replication, master } })).toMatchObject(here());
  });

  it('passes on the extra settings of the application', async () => {
    expect(await connect({ url: database.url, extra: { options: '-c work_mem=123kB' } })).toMatchObject({
      workMem: '123kB',
    });
  });

  it('can be redirected by connectionOptions: another URL, or single fields over a URL', async () => {
    const { host, port, username, password } = fields();
    const wrong = 'postgres://nobody:wrong@127.0.0.1:1/nothing?connect_timeout=1';
    expect(await connect({ url: wrong }, { url: database.url })).toMatchObject(here());
    expect(
      await connect({ url: wrong }, { host, port, username, password, database: database.name }),
    ).toMatchObject({ ...here(), user: username });
    expect(await connect({ ...fields(), port: 1 }, { port })).toMatchObject(here());
    expect(await connect({ url: database.url }, { applicationName: 'locks of the shop' })).toMatchObject({
      applicationName: 'locks of the shop',
    });
  });

  it('takes no part in the schema: no entities, no migrations, no synchronize', async () => {
    class CreateThing {
      name = 'CreateThing1700000000000';
      async up(): Promise<void> {
        await Promise.reject(new Error('the lock connection ran a migration'));
      }
      async down(): Promise<void> {
        // Nothing to undo.
      }
    }
    await connect({
      url: database.url,
      migrations: [CreateThing],
      migrationsRun: true,
      synchronize: true,
      dropSchema: true,
      logging: true,
    });
    expect(await database.query(`SELECT 1 FROM pg_tables WHERE schemaname = 'public'`)).toEqual([]);
  });

  it('gives up on a server that does not respond', async () => {
    const { createServer } = await import('node:net');
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const address = silent.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    defer(() => silent.close());
    await expect(connect({ ...fields(), port }, { connectTimeoutMS: 100 })).rejects.toMatchObject({
      code: 'LOCK_CONNECTION',
      message: expect.stringMatching(/timeout/),
    });
  });
});
