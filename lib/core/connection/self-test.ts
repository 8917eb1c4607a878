import { randomInt } from 'node:crypto';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
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
  return /^PostgreSQL [\d.]+(devel|beta\d+|rc\d+)?[\s,]/.test(version) && !/redshift/i.test(version);
}

function isMissing(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === SqlState.featureNotSupported || state === SqlState.undefinedFunction;
}

function doesNotExclude(version: string, why: string): LockConfigurationError {
  return new LockConfigurationError(
    `The advisory locks of the server must exclude each other, but those of "${version}" do not: ${why}. ` +
      'Let the data source, or `connectionOptions` of AdvisoryLockModule, point to PostgreSQL itself.',
  );
}
