import {
  applicationNameOf,
  defaultInstanceName,
  isWholeNumber,
  LockEngine,
  type LockEngineOptions,
  messageOf,
  parseAddress,
} from '../core/index.js';
import { DatabaseAddressError } from './database-address.error.js';

/** An engine for the database that the environment names. It connects at its first use. */
export function openEngine(purpose: string, more: Partial<LockEngineOptions> = {}): LockEngine {
  const { DATABASE_URL: url } = process.env;
  if (url) checkAddress(url);
  return LockEngine.open({
    // node-postgres reads what is missing from the PG* variables:
    // https://node-postgres.com/features/connecting
    database: () => (url ? { connectionString: url } : {}),
    applicationName: applicationNameOf(defaultInstanceName(), purpose),
    ...more,
  });
}

/** Throws when it is not an address of Postgres, before anything else is done with it. */
function checkAddress(url: string): void {
  if (!/^postgres(ql)?:\/\//i.test(url)) throw DatabaseAddressError.ofScheme(url);
  let port: unknown;
  try {
    ({ port } = parseAddress(url, 'DATABASE_URL'));
  } catch (error) {
    throw new DatabaseAddressError(messageOf(error));
  }
  // As `?port=` of the address, nothing else checks it.
  if (port && !isWholeNumber(Number(port), 1, 65_535))
    throw new DatabaseAddressError('DATABASE_URL must have a port from 1 to 65535, received another one.');
}
