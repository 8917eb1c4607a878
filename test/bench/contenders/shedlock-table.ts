import pg from 'pg';
import type { OpenContender } from '../contender.js';

// As the JDBC provider of ShedLock with the time of the database, see
// https://github.com/lukas-krecan/ShedLock, PostgresSqlServerTimeStatementsSource.
const NOW = `timezone('utc', CURRENT_TIMESTAMP)`;
const TABLE = `CREATE TABLE IF NOT EXISTS shedlock (name varchar(64) PRIMARY KEY,
  lock_until timestamp NOT NULL, locked_at timestamp NOT NULL, locked_by varchar(255) NOT NULL)`;
const LOCK = `INSERT INTO shedlock (name, lock_until, locked_at, locked_by)
  VALUES ($1, ${NOW} + interval '10 s', ${NOW}, $2)
  ON CONFLICT (name) DO UPDATE SET lock_until = ${NOW} + interval '10 s', locked_at = ${NOW}, locked_by = $2
  WHERE shedlock.name = $1 AND shedlock.lock_until <= ${NOW}`;
const UNLOCK = `UPDATE shedlock SET lock_until = ${NOW} WHERE name = $1 AND locked_by = $2`;

export const open: OpenContender = async (url) => {
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  await pool.query(TABLE);
  const owner = String(process.pid);
  return {
    async withLock(name, body) {
      const { rowCount } = await pool.query(LOCK, [name, owner]);
      if (rowCount !== 1) throw new Error(`${name} is busy`);
      await body();
      await pool.query(UNLOCK, [name, owner]);
    },
    close: () => pool.end(),
  };
};
