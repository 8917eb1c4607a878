import { LockConfigurationError } from '../core/index.js';

/** What an adapter rejects with when its client knows that there is no open transaction. */
export function noOpenTransaction(adapter: string, what: string, cause?: unknown): LockConfigurationError {
  return new LockConfigurationError(`${adapter} needs an open transaction, received ${what}`, { cause });
}

/**
 * The error of a client that refuses a statement because its transaction has ended: "Transaction is already
 * committed" or "… rolled back" (Kysely, MikroORM 7), "Transaction query already complete" (Knex, and with
 * it MikroORM 6). These errors have no code. Every other error is returned as it is.
 */
export function refusalAfterEnd(adapter: string, error: unknown): unknown {
  const isRefusal =
    error instanceof Error &&
    /^Transaction (query|is) already (complete|committed|rolled back)/.test(error.message);
  return isRefusal ? noOpenTransaction(adapter, `one that has ended (${error.message})`, error) : error;
}
