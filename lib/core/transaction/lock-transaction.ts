import type { QueryRunner } from 'typeorm';
import { LockCapacityError } from '../errors/lock-capacity.error.js';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { brokeConnection, LockConnectionError } from '../errors/lock-connection.error.js';
import { StandbyError } from '../errors/standby.error.js';
import { deadlockError } from './deadlock.js';
import type { KeyRegistry } from '../key/key-registry.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import { SqlState, sqlStateOf } from '../sql/sqlstate.js';
import {
  type TryResult,
  tryScript,
  UNDO_SCRIPT,
  WAIT_RESULT,
  waitScript,
} from '../sql/transaction-statements.js';

/** How a lock of a transaction is acquired. */
export interface TransactionAcquireOptions {
  readonly mode: LockMode;
  /** How long to wait for it, in milliseconds; `0` tries once, `Infinity` waits without end. */
  readonly waitMs: number;
  /** Called when the call must wait. */
  readonly onWaiting?: (() => void) | undefined;
}

/**
 * The part of a node-postgres client that is used here. A message of several statements has one result for
 * each.
 */
interface PgClient {
  query(script: string): Promise<{ rows: (TryResult & { readonly outcome?: string })[] }[]>;
}

/**
 * Takes the key for the transaction of the query runner, whose commit or rollback releases it. Resolves to
 * false when another holder has it for all of `waitMs`. In every case the transaction can go on, unless its
 * connection is gone.
 */
export async function lockTransaction(
  runner: QueryRunner,
  key: LockKey,
  keys: KeyRegistry,
  { mode, waitMs, onWaiting }: TransactionAcquireOptions,
): Promise<boolean> {
  // By the client itself, because TypeORM's query() drops the results of a message with several statements.
  const client = (await runner.connect()) as PgClient;
  try {
    const result = (await client.query(tryScript(key, mode)))[1]?.rows[0];
    if (result?.isStandby === true) throw new StandbyError();
    if (result?.granted == null) throw readsAsOfOneMoment(key);
    if (result.granted || waitMs === 0) return result.granted;
    onWaiting?.();
    const results = await client.query(waitScript(key, mode, waitMs, result));
    return results[WAIT_RESULT]?.rows[0]?.outcome === 'y';
  } catch (error) {
    if (error instanceof LockConfigurationError) throw error;
    // Rejects when the connection is gone, and when the transaction had failed before.
    await client.query(UNDO_SCRIPT).catch(() => undefined);
    switch (sqlStateOf(error)) {
      case SqlState.deadlockDetected:
        throw deadlockError(key, keys, error as Error);
      case SqlState.outOfMemory:
        throw new LockCapacityError(key.name, error);
      case SqlState.noActiveSqlTransaction:
      case SqlState.inFailedSqlTransaction:
        throw cannotGoOn(key, error as Error);
      default:
        throw new LockConnectionError(brokeConnection(error), key.name);
    }
  }
}

function readsAsOfOneMoment(key: LockKey): LockConfigurationError {
  return new LockConfigurationError(
    `The lock "${key.name}" was not taken: its transaction must be READ COMMITTED, received REPEATABLE ` +
      'READ or SERIALIZABLE. Such a transaction reads as of a moment before the lock is granted, and would ' +
      'not see what the last holder wrote. Take the lock before the transaction: withTransactionLock(name, ' +
      'body, { isolationLevel }), or withLock(name, …) with the transaction inside.',
    { lockName: key.name },
  );
}

function cannotGoOn(key: LockKey, cause: Error): LockConfigurationError {
  return new LockConfigurationError(
    `The lock "${key.name}" was not taken: it needs an open transaction, but the transaction has failed ` +
      `before, or it was ended without TypeORM (${cause.message}). Take the lock in a transaction that is ` +
      'still open.',
    { lockName: key.name, cause },
  );
}
