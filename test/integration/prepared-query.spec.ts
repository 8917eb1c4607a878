import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { queryPrepared } from '../../lib/core/index.js';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

async function connect(announcedPid?: number | null): Promise<pg.Client> {
  const client = new pg.Client(database.url);
  await client.connect();
  defer(() => client.end());
  if (announcedPid !== undefined) Object.assign(client, { processID: announcedPid });
  return client;
}

/** What the backend of the client has prepared. */
async function prepared(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ statement: string }>('SELECT statement FROM pg_prepared_statements');
  return rows.map(({ statement }) => statement);
}

/** The plan of what the client has prepared. */
async function planOf(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query<{ name: string }>('SELECT name FROM pg_prepared_statements');
  const [line] = (await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN EXECUTE ${rows[0]?.name}(1)`)).rows;
  return line?.['QUERY PLAN'];
}

const SELECT_NOTE = 'SELECT text FROM note WHERE id = $1';
const readNote = (client: pg.Client): Promise<unknown[]> => queryPrepared(client, SELECT_NOTE, [1]);

describe('a statement that is run again and again', () => {
  beforeEach(async () => {
    await database.query("CREATE TABLE note (id int, text text); INSERT INTO note VALUES (1, 'one')");
    defer(() => database.query('DROP TABLE note'));
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('is prepared once by a client that has a backend of its own', async () => {
    const client = await connect();
    expect(await readNote(client)).toEqual([{ text: 'one' }]);
    expect(await readNote(client)).toEqual([{ text: 'one' }]);
    expect(await prepared(client)).toEqual([SELECT_NOTE]);
  });

  it.each([
    ['another pid than that of its backend, as poolers do', 1],
    ['no pid, as pg-native does', null],
  ])('is not prepared by a client that reports %s', async (_, announcedPid) => {
    const client = await connect(announcedPid);
    expect(await readNote(client)).toEqual([{ text: 'one' }]);
    expect(await prepared(client)).toEqual([]);
  });

  it.each([
    ['the application has discarded what its session had', 'DISCARD ALL'],
    ['the type of a column was changed', 'ALTER TABLE note ALTER COLUMN text TYPE varchar'],
  ])('still runs when %s', async (_, change) => {
    const client = await connect();
    await readNote(client);
    await client.query(change);
    expect(await readNote(client)).toEqual([{ text: 'one' }]);
    expect(await readNote(client)).toEqual([{ text: 'one' }]);
  });

  it('still runs when another client has prepared it on the same backend', async () => {
    const [first, second] = [await connect(), await connect()];
    await readNote(first);
    const { rows } = await first.query<{ name: string }>('SELECT name FROM pg_prepared_statements');
    await second.query(`PREPARE ${rows[0]?.name} AS ${SELECT_NOTE}`);
    expect(await readNote(second)).toEqual([{ text: 'one' }]);
    expect(await readNote(second)).toEqual([{ text: 'one' }]);
  });

  it('still runs when the client is wrapped, and another comment added to each text', async () => {
    const client = await connect();
    const query = client.query.bind(client) as (config: pg.QueryConfig) => Promise<pg.QueryResult>;
    let count = 0;
    jest
      .spyOn(client, 'query')
      .mockImplementation(((config: pg.QueryConfig) =>
        query({ ...config, text: `${config.text} /* trace ${(count += 1)} */` })) as never);
    for (let run = 0; run < 3; run += 1) expect(await readNote(client)).toEqual([{ text: 'one' }]);
  });

  it('is planned again for a table that has grown', async () => {
    await database.query('ALTER TABLE note ADD PRIMARY KEY (id)');
    const client = await connect();
    // After five executions Postgres keeps a plan.
    for (let run = 0; run < 6; run += 1) await readNote(client);
    await database.query("INSERT INTO note SELECT n, 'more' FROM generate_series(2, 10000) AS n");
    await readNote(client);
    expect(await planOf(client)).toMatch(/^Bitmap|^Seq Scan/);
    const now = performance.now();
    jest.spyOn(performance, 'now').mockReturnValue(now + 1_000);
    await readNote(client);
    expect(await planOf(client)).toMatch(/^Index Scan/);
  });

  it('is rejected with the error of the server, and not sent again', async () => {
    const client = await connect();
    const insertion = `INSERT INTO note VALUES ($1, 'two') RETURNING 1 / ($1::int - 2)`;
    await expect(queryPrepared(client, insertion, [2])).rejects.toMatchObject({ code: '22012' });
    expect(await database.query('SELECT id FROM note')).toEqual([{ id: 1 }]);
  });

  it('asks again whose backend it is when the question has failed', async () => {
    const client = await connect();
    const query = jest.spyOn(client, 'query').mockImplementationOnce(() => {
      throw new Error('cut');
    });
    await expect(readNote(client)).rejects.toThrow('cut');
    query.mockRestore();
    await readNote(client);
    expect(await prepared(client)).toEqual([SELECT_NOTE]);
  });
});
