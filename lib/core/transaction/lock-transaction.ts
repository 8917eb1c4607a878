import type { QueryRunner } from 'typeorm';
import { LockCapacityError } from '../errors/lock-capacity.error.js';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { LockConnectionError } from '../errors/lock-connection.error.js';
import { StandbyError } from '../errors/standby.error.js';
import { deadlockError } from './deadlock.js';
import type { KeyRegistry } from '../key/key-registry.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import { SqlState, sqlStateOf } from '../sql/sqlstate.js';
import { type TryAnswer, tryScript, UNDO_SCRIPT, waitScript } from '../sql/transaction-statements.js';

/** How a lock of a transaction is wanted. */
export interface TransactionAcquireOptions {
  readonly mode: LockMode;
  /** How long to wait for it, in milliseconds; 0 tries once, `Infinity` waits for ever. */
  readonly waitMs: number;
  /** Called when it has to be waited for. */
  readonly onWaiting?: (() => void) | undefined;
}

/** The little of a node-postgres client that is used here. Several statements in one message answer with one result each. */
interface PgClient {
  query(script: string): Promise<{ rows: TryAnswer[] }[]>;
}

/**
 * Takes the key for the transaction of the query runner; it goes with the commit or the rollback. Answers false when it is
 * held elsewhere, for all of `waitMs`. Whatever happens, the transaction can go on, unless its connection is gone.
 */
export async function lockTransaction(
  runner: QueryRunner,
  key: LockKey,
  keys: KeyRegistry,
  { mode, waitMs, onWaiting }: TransactionAcquireOptions,
): Promise<boolean> {
  // To the client itself, because TypeORM's query() drops the answers of a message with several statements.
  const client = (await runner.connect()) as PgClient;
  try {
    const answer = (await client.query(tryScript(key, mode)))[1]?.rows[0];
    if (answer?.isStandby === true) throw new StandbyError();
    if (answer?.granted == null) throw readsAsOfOneMoment(key);
    if (answer.granted || waitMs === 0) return answer.granted;
    onWaiting?.();
    await client.query(waitScript(key, mode, waitMs, answer));
    return true;
  } catch (error) {
    if (error instanceof LockConfigurationError) throw error;
    // Rejects on a connection that is gone, and in a transaction that had failed before.
    await client.query(UNDO_SCRIPT).catch(() => undefined);
    switch (sqlStateOf(error)) {
      case SqlState.lockNotAvailable:
        return false; // the time is over
      case SqlState.deadlockDetected:
        throw deadlockError(key, keys, error as Error);
      case SqlState.outOfMemory:
        throw new LockCapacityError(key.name, error);
      case SqlState.noActiveSqlTransaction:
      case SqlState.inFailedSqlTransaction:
        throw cannotGoOn(key, error as Error);
      default:
        throw new LockConnectionError(error, key.name);
    }
  }
}

function readsAsOfOneMoment(key: LockKey): LockConfigurationError {
  return new LockConfigurationError(
    `The lock "${key.name}" was not taken: its transaction is REPEATABLE READ or SERIALIZABLE, so it reads as of a moment before ` +
      'the lock is granted, and would not see what the last holder wrote. Take the lock before the transaction: ' +
      'withTransactionLock(name, body, { isolationLevel }), or withLock(name, …) with the transaction inside.',
    { lockName: key.name },
  );
}

function cannotGoOn(key: LockKey, cause: Error): LockConfigurationError {
  return new LockConfigurationError(
    `The lock "${key.name}" was not taken, as there is no transaction that could hold it: it has failed before, or it was ended ` +
      `behind the back of TypeORM (${cause.message}).`,
    { lockName: key.name, cause },
  );
}
