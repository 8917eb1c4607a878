import { randomInt } from 'node:crypto';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import type { ServerFacts } from './handshake.js';
import type { LockConnection } from './lock-connection.js';
import { LockKey } from '../key/lock-key.js';
import { type LockOperation, resultsOf, statementFor, YES } from '../sql/request-statement.js';
import { SqlState, sqlStateOf } from '../sql/sqlstate.js';

/**
 * Tries on two connections whether a lock of one excludes the other: some servers with the protocol of
 * Postgres have the functions, and grant everything. Rejects with `LOCK_CONFIGURATION`, which names the
 * server, when it does not.
 */
export async function proveExclusion(one: LockConnection, other: LockConnection): Promise<void> {
  refuseSharedBackend(one, other);
  const key = LockKey.of(BigInt(randomInt(2 ** 47)) << 16n);
  const ask = async (connection: LockConnection, operation: LockOperation): Promise<boolean> => {
    const request = { operation, mode: 'exclusive', key } as const;
    return resultsOf(await connection.query(statementFor([request])), 1) === YES;
  };
  const excludes = async (): Promise<boolean> =>
    (await ask(one, 'try')) &&
    !(await ask(other, 'try')) &&
    (await ask(one, 'unlock')) &&
    (await ask(other, 'try')) &&
    (await ask(other, 'unlock'));
  await Promise.all([one.pin(), other.pin()]);
  const { version } = one.server;
  try {
    if (!(await excludes())) throw doesNotExclude(version, 'two sessions tried, and both or none got a lock');
  } catch (error) {
    if (isMissing(error)) throw doesNotExclude(version, `it has none (${(error as Error).message})`);
    throw error;
  }
  await Promise.all([one.unpin(), other.unpin()]);
}

/** Whether this is Postgres itself, by its version text. The locks of other servers must be tested. */
export function isPostgres(version: string): boolean {
  const isAnother = /redshift/i.test(version) || isInMemory(version);
  return /^PostgreSQL [\d.]+(devel|beta\d+|rc\d+)?[\s,]/.test(version) && !isAnother;
}

/** Whether this is PGlite, Postgres as WebAssembly, by its version text. It has one session. */
function isInMemory(version: string): boolean {
  return /pglite|emscripten/i.test(version);
}

/**
 * Refuses two connections that have one backend, which is granted a lock for each of them. It is not tried by
 * a lock: through a pooler it would stay behind, and in one session the statements of one connection meet
 * those of the other, too.
 */
function refuseSharedBackend(one: LockConnection, other: LockConnection): void {
  const { backendPid, version } = one.server;
  if (backendPid !== other.server.backendPid) return;
  // A pooler that shares its backends announces pids of its own.
  if (one.announcedPid === backendPid && other.announcedPid === backendPid) throw givesOneSession(version);
  if (!one.isPooled) throw sharesItsBackends();
}

/**
 * Throws `LOCK_CONFIGURATION` for a server that has a single session, and so no second connection for the
 * test.
 */
export function refuseSingleSession({ version }: ServerFacts): void {
  if (isInMemory(version)) throw givesOneSession(version);
}

function isMissing(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === SqlState.featureNotSupported || state === SqlState.undefinedFunction;
}

function givesOneSession(version: string): LockConfigurationError {
  return new LockConfigurationError(
    `Each client of the server must get a session of its own, but "${version}" gives one session to all of ` +
      'its clients, as the socket server of PGlite does, and so grants a lock to each of them. Let the ' +
      'data source, or `connectionOptions` of AdvisoryLockModule, point to PostgreSQL itself.',
  );
}

function sharesItsBackends(): LockConfigurationError {
  return new LockConfigurationError(
    "With `pooler: 'none'` each lock connection must have a backend of its own, but it goes through a " +
      'pooler that shares its backends. Leave the option `pooler` out, let the pooler run in session mode, ' +
      'or let `connectionOptions` of AdvisoryLockModule point to PostgreSQL itself.',
  );
}

function doesNotExclude(version: string, why: string): LockConfigurationError {
  return new LockConfigurationError(
    `The advisory locks of the server must exclude each other, but those of "${version}" do not: ${why}. ` +
      'Let the data source, or `connectionOptions` of AdvisoryLockModule, point to PostgreSQL itself.',
  );
}
