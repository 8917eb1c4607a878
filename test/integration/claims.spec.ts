import { expect, it } from '@jest/globals';
import pg from 'pg';
import { Claims, type LockConnection, LockConnections, LockKey, LockSession } from '../../lib/core/index.js';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();
const key = LockKey.of(1);
const terms = { keepMs: 60_000, isRemembered: true };

interface Opened {
  readonly claims: Claims;
  readonly session: LockSession;
  /** The connection under the session, for a test to meddle with. */
  readonly connection: LockConnection;
}

async function openClaims(): Promise<Opened> {
  const applicationName = 'nestjs-advisory-lock';
  const connections = new LockConnections(() => ({ type: 'postgres', url: database.url }), {
    applicationName,
  });
  const connection = await connections.open();
  const session = new LockSession(connection, connections.use, () => undefined);
  const claims = new Claims(() => Promise.resolve(session));
  defer(async () => {
    claims.close();
    await session.close();
    await connections.close();
  });
  return { claims, session, connection };
}

it('a claim that could not be shared is not made, and another process may make it', async () => {
  const { claims, session, connection } = await openClaims();
  const query = connection.query.bind(connection);
  connection.query = ({ values = [], ...statement }) => {
    const [letters] = values;
    // The server cannot read the key, so that it is not locked shared.
    return query({ ...statement, values: letters === 's' ? [letters, '{oops}'] : values });
  };
  await expect(claims.make(key, terms)).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
  expect(await (await openClaims()).claims.make(key, terms)).toBe(true);
  expect(session.end).toBeUndefined();
});

it('a claim that a stranger waits for is kept, though it cannot be shared', async () => {
  const { claims, session, connection } = await openClaims();
  const stranger = new pg.Client(database.url);
  await stranger.connect();
  defer(() => stranger.end());
  let waiting: Promise<unknown> | undefined;
  const query = connection.query.bind(connection);
  connection.query = async (statement) => {
    if (statement.values?.[0] === 's') {
      waiting = stranger.query('SELECT pg_advisory_lock($1)', [key.id]);
      await until(async () => (await database.advisoryLocks()).some(({ granted }) => !granted), 'it waits');
    }
    return query(statement);
  };
  expect(await claims.make(key, terms)).toBe(true);
  expect(await (await openClaims()).claims.make(key, terms)).toBe(false);
  claims.giveBack(key);
  await waiting;
  await session.confirm();
});

it('a claim that is requested again as it is given back is not made when both fail', async () => {
  const { claims, session, connection } = await openClaims();
  const once = { ...terms, isRemembered: false };
  expect(await claims.make(key, once)).toBe(true);
  const query = connection.query.bind(connection);
  connection.query = ({ values = [], ...statement }) => {
    const [letters] = values;
    // The server cannot read the last key, and so does neither.
    return query({ ...statement, values: letters === 'ut' ? [letters, '{1,oops}'] : values });
  };
  claims.giveBack(key);
  await expect(claims.make(key, once)).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
  expect(await (await openClaims()).claims.make(key, once)).toBe(true);
  expect(session.end).toBeUndefined();
});
