import { describe, expect, it } from '@jest/globals';
import {
  drizzleTransaction,
  kyselyTransaction,
  prismaTransaction,
  sqlTransaction,
} from 'nestjs-advisory-lock/adapters';

describe('prismaTransaction', () => {
  const failingWith = (error: Error) => {
    const tx = prismaTransaction({ $queryRawUnsafe: () => Promise.reject(error) });
    return tx.runStatement('SELECT 1').catch((caught: unknown) => caught);
  };

  it('rejects with the error of the server that the engine of Prisma 6 reports', async () => {
    const message = 'ERROR: deadlock detected\nDETAIL: Process 1 waits for [1,2,3,1]';
    const error = Object.assign(new Error('Raw query failed'), {
      code: 'P2010',
      meta: { code: '40P01', message },
    });

    expect(await failingWith(error)).toMatchObject({
      severity: 'ERROR',
      code: '40P01',
      detail: message,
      cause: error,
    });
  });

  it('rejects with the error of the server that a driver adapter reports', async () => {
    const cause = { originalCode: '53200', originalMessage: 'out of shared memory' };
    const error = Object.assign(new Error('Raw query failed'), {
      code: 'P2010',
      meta: { driverAdapterError: { cause } },
    });

    expect(await failingWith(error)).toMatchObject({ code: '53200', message: 'out of shared memory' });
  });

  it('says that the transaction has ended, and passes every other error on', async () => {
    const ended = Object.assign(new Error('Transaction already closed'), { code: 'P2028' });
    expect(await failingWith(ended)).toMatchObject({ code: 'LOCK_CONFIGURATION', cause: ended });
    const other = Object.assign(new Error('fetch failed'), { code: 'P1001' });
    expect(await failingWith(other)).toBe(other);
  });
});

describe('kyselyTransaction', () => {
  it('passes the errors on that say nothing of the end of the transaction', async () => {
    const error = new Error('terminated');
    const transaction = kyselyTransaction({ isTransaction: true, executeQuery: () => Promise.reject(error) });
    await expect(transaction.runStatement('SELECT 1')).rejects.toBe(error);
  });
});

describe('the rows of a statement', () => {
  it.each([
    ['a list', [{ a: 1 }]],
    ['an object with the rows', { rows: [{ a: 1 }] }],
  ])('are found in %s', async (_case, result) => {
    const ofSql = sqlTransaction(() => Promise.resolve(result));
    const ofDrizzle = drizzleTransaction({
      execute: () => Promise.resolve(result),
      rollback: () => {
        throw new Error('rolled back');
      },
    });
    expect(await ofSql.runStatement('SELECT 1 AS a')).toEqual([{ a: 1 }]);
    expect(await ofDrizzle.runStatement('SELECT 1 AS a')).toEqual([{ a: 1 }]);
  });

  it('are none when there are none', async () => {
    expect(await sqlTransaction(() => Promise.resolve(undefined)).runStatement('SAVEPOINT a')).toEqual([]);
  });
});
