import type { EntityManager as MikroOrmManager } from '@mikro-orm/postgresql';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import type { Knex } from 'knex';
import type { ControlledTransaction, Kysely, Transaction } from 'kysely';
import type { AdvisoryLockService, OpenTransaction } from 'nestjs-advisory-lock';
import {
  drizzleTransaction,
  knexTransaction,
  kyselyTransaction,
  mikroOrmTransaction,
  prismaTransaction,
  type SqlTransaction,
  sqlTransaction,
} from 'nestjs-advisory-lock/adapters';
import type pg from 'pg';
import type { EntityManager, QueryRunner } from 'typeorm';

export const accepts = (
  manager: EntityManager,
  runner: QueryRunner,
  client: pg.Client,
  ofAPool: pg.PoolClient,
  made: SqlTransaction,
): OpenTransaction[] => [manager, runner, client, ofAPool, made];

export const makes = (
  trx: Transaction<object>,
  controlled: ControlledTransaction<object>,
  knex: Knex.Transaction,
  em: MikroOrmManager,
  prisma: { $queryRawUnsafe<T>(sql: string, ...values: unknown[]): Promise<T> },
): SqlTransaction[] => [
  kyselyTransaction(trx),
  kyselyTransaction(controlled),
  knexTransaction(knex),
  mikroOrmTransaction(em),
  prismaTransaction(prisma),
  sqlTransaction((text: string, values: readonly unknown[]) => Promise.resolve([{ text, values }])),
];

export async function inDrizzle(locks: AdvisoryLockService, db: NodePgDatabase): Promise<void> {
  await db.transaction((tx) => locks.lockInTransaction(drizzleTransaction(tx), 'a', { waitMs: 5 }));
}

export function refuses(
  locks: AdvisoryLockService,
  pool: pg.Pool,
  db: NodePgDatabase,
  kysely: Kysely<object>,
  trx: Transaction<object>,
  knex: Knex,
): unknown[] {
  return [
    // @ts-expect-error 2345 each statement of a pool runs on any connection
    locks.lockInTransaction(pool, 'a'),
    // @ts-expect-error 2345 it needs kyselyTransaction()
    locks.lockInTransaction(trx, 'a'),
    // @ts-expect-error 2345 it is no transaction
    drizzleTransaction(db),
    // @ts-expect-error 2345 it is no transaction
    kyselyTransaction(kysely),
    // @ts-expect-error 2345 it is no transaction
    knexTransaction(knex),
  ];
}
