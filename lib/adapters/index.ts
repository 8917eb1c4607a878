/*
 * The public API of `nestjs-advisory-lock/adapters`, kept by hand: transactions of other database clients,
 * for `lockInTransaction` and `tryLockInTransaction`.
 */
export type { SqlTransaction } from '../core/index.js';
export { type DrizzleTransaction, drizzleTransaction } from './drizzle-transaction.js';
export { type KnexTransaction, knexTransaction } from './knex-transaction.js';
export { type KyselyTransaction, kyselyTransaction } from './kysely-transaction.js';
export { type MikroOrmTransaction, mikroOrmTransaction } from './mikro-orm-transaction.js';
export { type PrismaTransaction, prismaTransaction } from './prisma-transaction.js';
export { type RunSql, sqlTransaction } from './sql-transaction.js';
