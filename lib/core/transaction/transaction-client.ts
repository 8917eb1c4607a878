import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { describe, type LockKey } from '../key/lock-key.js';
import type { Script } from '../sql/transaction-statements.js';
import type { OpenTransaction, PgTransactionClient, SqlTransaction } from './open-transaction.js';

/** Runs scripts in a transaction of the application. */
export interface TransactionClient {
  /** What is one and the same for all that runs in the transaction. */
  readonly identity: object;
  /** The data source of TypeORM whose pool the connection comes from. */
  readonly dataSource?: DataSource;
  /** Resolves to the row that is the result of the script. */
  run(script: Script): Promise<unknown>;
}

/** Throws a `LockConfigurationError` for what is no transaction, or one that cannot take the lock. */
export async function transactionClient(
  transaction: OpenTransaction,
  key: LockKey,
): Promise<TransactionClient> {
  if (has(transaction, 'runStatement')) return oneByOne(transaction as SqlTransaction);
  if (has(transaction, 'escapeIdentifier')) return inOneMessage(transaction as PgTransactionClient);
  if (has(transaction, 'startTransaction')) return ofTypeOrm(transaction as QueryRunner, key);
  const queryRunner = (transaction as Partial<EntityManager> | null | undefined)?.queryRunner;
  // The EntityManager of MikroORM has neither, and that of a test need not have all methods.
  if (has(transaction, 'getTreeRepository') || has(queryRunner, 'connect'))
    return ofTypeOrm(queryRunner, key);
  throw notATransaction(transaction, key);
}

function has(transaction: unknown, method: string): boolean {
  return typeof (transaction as Record<string, unknown> | null | undefined)?.[method] === 'function';
}

async function ofTypeOrm(runner: QueryRunner | undefined, key: LockKey): Promise<TransactionClient> {
  if (runner === undefined || !runner.isTransactionActive || runner.isReleased) throw noTransaction(key);
  // A standby grants the same key as its primary.
  if (runner.getReplicationMode() === 'slave') throw onReplica(key);
  // By the client itself, because TypeORM's query() drops the results of a message with several statements.
  const client = (await runner.connect()) as PgTransactionClient;
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- TypeORM 0.3 has no other name for it
  return { ...inOneMessage(client), dataSource: runner.connection };
}

/** A message of several statements has one result for each. */
function inOneMessage(client: PgTransactionClient): TransactionClient {
  return {
    identity: client,
    run: async ({ statements, resultOf }) => {
      const results = (await client.query(statements.join('; '))) as { rows: unknown[] }[];
      return results[resultOf]?.rows[0];
    },
  };
}

function oneByOne(transaction: SqlTransaction): TransactionClient {
  return {
    identity: transaction.transaction,
    run: async ({ statements, resultOf }) => {
      let result: unknown;
      for (const [index, statement] of statements.entries()) {
        const rows = await transaction.runStatement(statement);
        if (index === resultOf) [result] = rows;
      }
      return result;
    },
  };
}

function notATransaction(transaction: unknown, key: LockKey): LockConfigurationError {
  return new LockConfigurationError(
    `The lock "${key.name}" needs a transaction: an EntityManager or QueryRunner of TypeORM, a client ` +
      'of pg inside BEGIN (a pool is none), or what nestjs-advisory-lock/adapters makes of that of another ' +
      `client, such as prismaTransaction(tx). Received ${describe(transaction)}.`,
    { lockName: key.name },
  );
}

function noTransaction(key: LockKey): LockConfigurationError {
  return new LockConfigurationError(
    `The lock "${key.name}" needs an EntityManager with an active transaction, received one without. Pass ` +
      'the manager that dataSource.transaction() gives to its callback, or that of a query runner after ' +
      'startTransaction().',
    { lockName: key.name },
  );
}

function onReplica(key: LockKey): LockConfigurationError {
  return new LockConfigurationError(
    `The lock "${key.name}" needs a transaction on the master, received one on a replica, whose locks do ` +
      'not exclude those of the master. Use a query ' +
      "runner made by createQueryRunner('master').",
    { lockName: key.name },
  );
}
