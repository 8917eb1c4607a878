import { Injectable, type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  ClsPluginTransactional,
  Transactional,
  type TransactionalAdapter,
  TransactionHost,
} from '@nestjs-cls/transactional';
import { TransactionalAdapterDrizzleOrm } from '@nestjs-cls/transactional-adapter-drizzle-orm';
import { TransactionalAdapterPrisma } from '@nestjs-cls/transactional-adapter-prisma';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { CompiledQuery, Kysely, PostgresDialect, type Transaction } from 'kysely';
import { ClsModule } from 'nestjs-cls';
import pg from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import { drizzleTransaction, kyselyTransaction, prismaTransaction } from '../../../lib/adapters/index.js';
import { AdvisoryLockModule, AdvisoryLockService, type OpenTransaction } from '../../../lib/index.js';
import { openPrisma, type PrismaTx } from '../../support/clients/prisma.js';

// A process of its own: @nestjs-cls is CommonJS and requires Nest, which is ESM; Jest cannot load that.
const { TEST_URL: url = '' } = process.env;
const closing: (() => Promise<unknown>)[] = [];

const CLIENT = Symbol('client');

@Module({})
class ClientModule {}

function clientModule(client: object): DynamicModule {
  return {
    module: ClientModule,
    global: true,
    providers: [{ provide: CLIENT, useValue: client }],
    exports: [CLIENT],
  };
}

function openPool(): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  closing.push(() => pool.end());
  return pool;
}

const withoutTypeOrm = (client: object): ModuleMetadata => ({
  imports: [clientModule(client), AdvisoryLockModule.forRoot({ postgres: url })],
});

/** As that of the package for Kysely, which the registry at hand does not have. */
class KyselyAdapter implements TransactionalAdapter<Kysely<object>, Kysely<object>, object> {
  readonly connectionToken = CLIENT;
  readonly optionsFactory = (db: Kysely<object>) => ({
    wrapWithTransaction: (
      _options: object,
      body: () => Promise<unknown>,
      setTx: (tx?: Kysely<object>) => void,
    ) =>
      db.transaction().execute((trx) => {
        setTx(trx);
        return body();
      }),
    getFallbackInstance: () => db,
  });
}

interface Library {
  readonly metadata: () => ModuleMetadata;
  readonly adapter: () => ConstructorParameters<typeof ClsPluginTransactional>[0]['adapter'];
  /** What `txHost.tx` is for `lockInTransaction`. */
  readonly open: (tx: unknown) => OpenTransaction;
  readonly query: (tx: unknown, sql: string) => Promise<unknown>;
}

const LIBRARIES: Record<string, Library> = {
  TypeORM: {
    metadata: () => ({
      imports: [TypeOrmModule.forRoot({ type: 'postgres', url }), AdvisoryLockModule.forRoot()],
    }),
    adapter: () => new TransactionalAdapterTypeOrm({ dataSourceToken: DataSource }),
    open: (tx) => tx as EntityManager,
    query: (tx, sql) => (tx as EntityManager).query(sql),
  },
  Prisma: {
    metadata: () => {
      const prisma = openPrisma(url);
      closing.push(() => prisma.$disconnect());
      return withoutTypeOrm(prisma);
    },
    adapter: () => new TransactionalAdapterPrisma({ prismaInjectionToken: CLIENT }) as never,
    open: (tx) => prismaTransaction(tx as PrismaTx),
    query: (tx, sql) => (tx as PrismaTx).$queryRawUnsafe(sql),
  },
  Drizzle: {
    metadata: () => withoutTypeOrm(drizzle(openPool())),
    adapter: () => new TransactionalAdapterDrizzleOrm({ drizzleInstanceToken: CLIENT }),
    open: (tx) => drizzleTransaction(tx as never),
    query: (tx, sql) => (tx as NodePgDatabase).execute(sql),
  },
  Kysely: {
    metadata: () => withoutTypeOrm(new Kysely({ dialect: new PostgresDialect({ pool: openPool() }) })),
    adapter: () => new KyselyAdapter(),
    open: (tx) => kyselyTransaction(tx as Transaction<object>),
    query: (tx, sql) => (tx as Kysely<object>).executeQuery(CompiledQuery.raw(sql)),
  },
};

const observer = new pg.Client(url);
await observer.connect();

/** What other sessions see: the locks of this database that are held, and the rows that are committed. */
async function observe(): Promise<{ locks: number; notes: string[] }> {
  const { rows: locks } = await observer.query(
    `SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND virtualtransaction IN (
       SELECT virtualtransaction FROM pg_locks WHERE locktype = 'transactionid'
     ) AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  const { rows } = await observer.query<{ text: string }>('SELECT text FROM note ORDER BY text');
  return { locks: locks.length, notes: rows.map(({ text }) => text) };
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code ?? String(error);

async function tryOut({ metadata, adapter, open, query }: Library): Promise<object> {
  @Injectable()
  class Ledger {
    constructor(
      private readonly host: TransactionHost,
      private readonly locks: AdvisoryLockService,
    ) {}

    @Transactional()
    write(name: string, meanwhile?: () => Promise<unknown>): Promise<unknown> {
      return this.writeHere(name, meanwhile);
    }

    async writeHere(name: string, meanwhile?: () => Promise<unknown>): Promise<unknown> {
      const tx: unknown = this.host.tx;
      await this.locks.lockInTransaction(open(tx), name);
      await query(tx, `INSERT INTO note VALUES ('${name}')`);
      return meanwhile?.();
    }
  }

  const { imports = [] } = metadata();
  const plugin = new ClsPluginTransactional({ adapter: adapter() });
  @Module({ imports: [...imports, ClsModule.forRoot({ plugins: [plugin] })], providers: [Ledger] })
  class AppModule {}
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
  const ledger = app.get(Ledger);
  const holder = await app.get(AdvisoryLockService).acquire('busy');
  const seen = {
    // The second call joins the transaction of the first.
    inside: await ledger.write('a', () => ledger.write('b', observe)),
    afterCommit: await observe(),
    failed: await ledger.write('c', () => Promise.reject(new Error('from the method'))).catch(String),
    busy: await ledger.write('d', () => ledger.writeHere('busy').catch(codeOf)),
    afterBusy: await observe(),
    outside: await ledger.writeHere('e').catch(codeOf),
  };
  await holder.release();
  await app.close();
  await Promise.all(closing.splice(0).map((close) => close()));
  await observer.query('TRUNCATE note');
  return seen;
}

const seen: Record<string, object> = {};
for (const [name, library] of Object.entries(LIBRARIES)) seen[name] = await tryOut(library);
process.send?.(seen);
await observer.end();
process.disconnect();
