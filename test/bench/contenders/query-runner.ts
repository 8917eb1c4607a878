import { DataSource } from 'typeorm';
import type { OpenContender } from '../contender.js';

const LOCK = 'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS done';
const UNLOCK = 'SELECT pg_advisory_unlock(hashtextextended($1, 0)) AS done';

interface Row {
  done: boolean;
}

/** What an application does without a library: a connection of its own pool for each lock. */
export const open: OpenContender = async (url) => {
  const database = await new DataSource({ type: 'postgres', url, extra: { max: 10 } }).initialize();
  return {
    async withLock(name, body) {
      const runner = database.createQueryRunner();
      try {
        const [lock] = (await runner.query(LOCK, [name])) as [Row];
        if (!lock.done) throw new Error(`${name} is busy`);
        await body();
        const [unlock] = (await runner.query(UNLOCK, [name])) as [Row];
        if (!unlock.done) throw new Error(`${name} was not held`);
      } finally {
        await runner.release();
      }
    },
    close: () => database.destroy(),
  };
};
