import { MikroORM } from '@mikro-orm/postgresql';
import { drizzle } from 'drizzle-orm/node-postgres';
import knex from 'knex';
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely';
import type { OpenTransaction } from 'nestjs-advisory-lock';
import {
  drizzleTransaction,
  knexTransaction,
  kyselyTransaction,
  mikroOrmTransaction,
  prismaTransaction,
  sqlTransaction,
} from 'nestjs-advisory-lock/adapters';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { defer } from '../cleanup.js';
import { openPrisma } from './prisma.js';

type Query = (sql: string) => Promise<unknown>;
type Body = (transaction: OpenTransaction, query: Query) => Promise<void>;

/** A database client with a pool of its own, in which transactions run. */
export interface Client {
  /** Runs the body in a transaction; with the default isolation level, or as of one moment. */
  transaction(body: Body, level?: 'repeatable read'): Promise<void>;
  /** What an application may pass although it is in no transaction. */
  readonly outside: OpenTransaction;
  /** Whether its errors have the detail of those of the server, which says which locks are in a deadlock. */
  readonly reportsDetail: boolean;
}

function openPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  pool.on('error', () => undefined);
  defer(() => pool.end());
  return pool;
}

async function inPg(
  pool: pg.Pool,
  body: (client: pg.PoolClient) => Promise<void>,
  level?: string,
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query(level === undefined ? 'BEGIN' : `BEGIN ISOLATION LEVEL ${level}`);
    await body(client);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

/** By name, each opened on a database, and closed after the test. */
export const CLIENTS: Readonly<Record<string, (url: string) => Client | Promise<Client>>> = {
  pg: (url) => {
    const pool = openPool(url);
    return {
      transaction: (body, level) => inPg(pool, (client) => body(client, (sql) => client.query(sql)), level),
      outside: pool as unknown as OpenTransaction,
      reportsDetail: true,
    };
  },
  'a query runner of TypeORM': async (url) => {
    const dataSource = await new DataSource({ type: 'postgres', url, poolSize: 2 }).initialize();
    defer(() => dataSource.destroy());
    return {
      transaction: (body, level) =>
        dataSource.transaction(
          level === undefined ? 'READ COMMITTED' : 'REPEATABLE READ',
          ({ queryRunner }) => {
            if (queryRunner === undefined) throw new Error('no runner');
            return body(queryRunner, (sql) => queryRunner.query(sql));
          },
        ),
      outside: dataSource.createQueryRunner(),
      reportsDetail: true,
    };
  },
  sqlTransaction: (url) => {
    const pool = openPool(url);
    return {
      transaction: (body, level) =>
        inPg(
          pool,
          (client) =>
            body(
              sqlTransaction(async (text, values) => (await client.query<object>(text, [...values])).rows),
              (sql) => client.query(sql),
            ),
          level,
        ),
      outside: sqlTransaction((text) => pool.query(text)),
      reportsDetail: true,
    };
  },
  prismaTransaction: (url) => {
    const prisma = openPrisma(url);
    defer(() => prisma.$disconnect());
    return {
      transaction: (body, level) =>
        prisma.$transaction((tx) => body(prismaTransaction(tx), (sql) => tx.$queryRawUnsafe(sql)), {
          timeout: 60_000,
          ...(level !== undefined && { isolationLevel: 'RepeatableRead' }),
        }),
      outside: prismaTransaction(prisma),
      reportsDetail: false,
    };
  },
  drizzleTransaction: (url) => {
    const db = drizzle(openPool(url));
    return {
      transaction: (body, level) =>
        db.transaction(
          (tx) => body(drizzleTransaction(tx), (sql) => tx.execute(sql)),
          level && { isolationLevel: level },
        ),
      outside: drizzleTransaction(db as never),
      reportsDetail: true,
    };
  },
  kyselyTransaction: (url) => {
    const db = new Kysely<object>({ dialect: new PostgresDialect({ pool: openPool(url) }) });
    return {
      transaction: (body, level) => {
        const builder = db.transaction();
        return (level === undefined ? builder : builder.setIsolationLevel(level)).execute((trx) =>
          body(kyselyTransaction(trx), (sql) => trx.executeQuery(CompiledQuery.raw(sql))),
        );
      },
      outside: kyselyTransaction(db as never),
      reportsDetail: true,
    };
  },
  knexTransaction: (url) => {
    const db = knex({ client: 'pg', connection: url, pool: { min: 0, max: 2 } });
    defer(() => db.destroy());
    return {
      transaction: (body, level) =>
        db.transaction((trx) => body(knexTransaction(trx), async (sql) => trx.raw(sql)), {
          ...(level !== undefined && { isolationLevel: level }),
        }),
      outside: knexTransaction({ raw: (sql) => db.raw(sql), isCompleted: () => false }),
      reportsDetail: true,
    };
  },
  mikroOrmTransaction: async (url) => {
    const orm = await MikroORM.init({
      clientUrl: url,
      entities: [],
      discovery: { warnWhenNoEntities: false },
      pool: { min: 0, max: 2 },
      allowGlobalContext: true,
    });
    defer(() => orm.close());
    return {
      transaction: (body, level) =>
        orm.em.transactional(
          (em) => body(mikroOrmTransaction(em), (sql) => em.execute(sql)),
          level && { isolationLevel: 'repeatable read' as never },
        ),
      outside: mikroOrmTransaction(orm.em),
      reportsDetail: true,
    };
  },
};
