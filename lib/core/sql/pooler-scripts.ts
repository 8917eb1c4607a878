/**
 * Opens a transaction, which keeps a pooler from giving the backend to another client. At READ COMMITTED, and
 * without a write, it does not hold back vacuum. `SET LOCAL` ends with the transaction, so that no setting
 * leaks into the transactions of other clients.
 */
export function pinScript(settings: ReadonlyMap<string, string>): string {
  return (
    'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; ' +
    [...settings].map(([name, value]) => `SET LOCAL ${name} = ${value}; `).join('') +
    'SELECT pg_catalog.pg_backend_pid() AS "backendPid"'
  );
}

/** Ends the transaction. The backend may then serve another client, so it must hold no lock. */
export const UNPIN = 'COMMIT';

/**
 * Opens the transaction again after a failed statement, which aborts it. It is one message, because a pooler
 * takes the backend away only when the server reports, at the end of a message, that it is in no transaction.
 */
export function repinScript(pin: string): string {
  return `ROLLBACK; ${pin}`;
}
