import { LockCapacityError } from '../errors/lock-capacity.error.js';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { brokeConnection, LockConnectionError } from '../errors/lock-connection.error.js';
import { StandbyError } from '../errors/standby.error.js';
import { deadlockError } from './deadlock.js';
import type { KeyRegistry } from '../key/key-registry.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import { serverErrorIn, SqlState, sqlStateOf } from '../sql/sqlstate.js';
import {
  SAVEPOINT_SCRIPT,
  type Script,
  type TryResult,
  tryScript,
  UNDO_SCRIPT,
  type WaitResult,
  waitScript,
} from '../sql/transaction-statements.js';
import { cancelWhenAborted } from './cancel-when-aborted.js';
import type { TransactionClient } from './transaction-client.js';

/** How a lock of a transaction is acquired. */
export interface TransactionAcquireOptions {
  readonly mode: LockMode;
  /** How long to wait for it, in milliseconds; `0` tries once, `Infinity` waits without end. */
  readonly waitMs: number;
  /** Ends the wait: the call rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Cancels what the backend runs; resolves when the backend is notified. */
  readonly cancel: (backendPid: number) => Promise<unknown>;
  /** Called when the call must wait. */
  readonly onWaiting?: (() => void) | undefined;
}

const lastTurns = new WeakMap<object, Promise<unknown>>();

/**
 * Takes the key for the transaction, whose commit or rollback releases it. Resolves to false when another
 * holder has it for all of `waitMs`. In every case the transaction can go on, unless its connection is gone.
 *
 * Calls in one transaction take turns: undoing one of them would undo those whose savepoint came later.
 */
export function lockTransaction(
  client: TransactionClient,
  key: LockKey,
  keys: KeyRegistry,
  options: TransactionAcquireOptions,
): Promise<boolean> {
  const { identity } = client;
  const take = (): Promise<boolean> => takeInTurn(client, key, keys, options);
  const lastTurn = lastTurns.get(identity);
  const turn = lastTurn === undefined ? take() : lastTurn.then(take);
  const ended = turn
    .catch(() => undefined)
    .then(() => {
      if (lastTurns.get(identity) === ended) lastTurns.delete(identity);
    });
  lastTurns.set(identity, ended);
  return turn;
}

async function takeInTurn(
  client: TransactionClient,
  key: LockKey,
  keys: KeyRegistry,
  { mode, waitMs, signal, cancel, onWaiting }: TransactionAcquireOptions,
): Promise<boolean> {
  signal?.throwIfAborted();
  try {
    const result = (await runOrUndo(client, tryScript(key, mode))) as TryResult | undefined;
    if (result?.isStandby === true) throw new StandbyError();
    if (result?.granted == null) throw readsAsOfOneMoment(key);
    if (result.granted || waitMs === 0) return result.granted;
    onWaiting?.();
    await client.run(SAVEPOINT_SCRIPT);
    const waiting = runOrUndo(client, waitScript(key, mode, waitMs, result)) as Promise<WaitResult>;
    const { outcome } = await (signal === undefined
      ? waiting
      : cancelWhenAborted(waiting, signal, () => cancel(result.backendPid)));
    if (outcome === 'c') throw canceled();
    return outcome === 'y';
  } catch (error) {
    if (error instanceof LockConfigurationError) {
      throw error.lockName === undefined ? cannotGoOn(key, error) : error;
    }
    const cause = serverErrorIn(error) ?? error;
    if (signal?.aborted === true && sqlStateOf(cause) === SqlState.queryCanceled) throw signal.reason;
    switch (sqlStateOf(cause)) {
      case SqlState.deadlockDetected:
        throw deadlockError(key, keys, cause as Error);
      case SqlState.outOfMemory:
        throw new LockCapacityError(key.name, cause);
      case SqlState.noActiveSqlTransaction:
      case SqlState.inFailedSqlTransaction:
        throw cannotGoOn(key, cause as Error);
      default:
        throw new LockConnectionError(brokeConnection(cause), key.name);
    }
  }
}

async function runOrUndo(client: TransactionClient, script: Script): Promise<unknown> {
  try {
    return await client.run(script);
  } catch (error) {
    // Rejects when the connection is gone, and when the transaction had failed before.
    await client.run(UNDO_SCRIPT).catch(() => undefined);
    throw error;
  }
}

/** The error that the script has caught, so that it is not in the log of the server. */
function canceled(): Error {
  const error = new Error('canceling statement due to user request');
  return Object.assign(error, { severity: 'ERROR', code: SqlState.queryCanceled });
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
    `The lock "${key.name}" was not taken: it needs an open transaction, received none, or one that has ` +
      `ended or failed before (${cause.message}). Take the lock in a transaction that is still open.`,
    { lockName: key.name, cause },
  );
}
