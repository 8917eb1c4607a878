import { expect, it } from '@jest/globals';
import { Claims, type LockConnection, LockConnections, LockKey, LockSession } from '../../lib/core/index.js';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';

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
