import { isPrintable, type KeyScheme, type LockKey } from '../core/index.js';

/** A statement to run by hand. */
export interface SqlForHand {
  /** What it does, for a comment before it. */
  readonly what: string;
  readonly statement: string;
}

/** The formulas of key schemes that SQL can express, for programs in other languages. */
const FORMULAS: Readonly<Partial<Record<Extract<KeyScheme, string>, (literal: string) => string>>> = {
  sha256: (name) => `('x' || left(encode(sha256(convert_to(${name}, 'UTF8')), 'hex'), 16))::bit(64)::bigint`,
  'md5-31': (name) => `('x' || left(md5(convert_to(${name}, 'UTF8')), 15))::bit(60)::bigint % 2147483648`,
  'good-job': (name) => `('x' || left(md5(convert_to(${name}, 'UTF8')), 16))::bit(64)::bigint`,
  hashtext: (name) => `hashtext(${name})`,
  hashtextextended: (name) => `hashtextextended(${name}, 0)`,
};

/** The formula in SQL; `undefined` where there is none. */
export function formulaSql(fullName: string, scheme: Extract<KeyScheme, string>): string | undefined {
  const formula = FORMULAS[scheme]?.(sqlLiteral(fullName));
  return formula && `SELECT ${formula}`;
}

/** The statements with which a person or another program takes the lock, and finds its holders. */
export function keySql(
  { value, classid, objid, objsubid }: LockKey,
  fullName: string,
  scheme: Extract<KeyScheme, string>,
) {
  const formula = formulaSql(fullName, scheme);
  const key = typeof value === 'bigint' ? String(value) : value.join(', ');
  return {
    ...(formula !== undefined && { key: { what: 'the key, computed by Postgres', statement: formula } }),
    tryLock: {
      what: 'take it for the session, if it is free (or wait for it: pg_advisory_lock)',
      statement: `SELECT pg_try_advisory_lock(${key})`,
    },
    unlock: { what: 'release it, in the same session', statement: `SELECT pg_advisory_unlock(${key})` },
    lockInTransaction: {
      what: 'take it until the end of the transaction',
      statement: `SELECT pg_advisory_xact_lock(${key})`,
    },
    holders: {
      what: 'its holders and waiters',
      statement: [
        'SELECT a.pid, a.application_name, a.client_addr, l.mode, l.granted',
        '  FROM pg_locks l JOIN pg_stat_activity a USING (pid)',
        " WHERE l.locktype = 'advisory'",
        '   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())',
        `   AND l.classid = ${classid} AND l.objid = ${objid} AND l.objsubid = ${objsubid}`,
      ].join('\n'),
    },
  } satisfies Record<string, SqlForHand>;
}

/** A text as SQL writes it. Characters that are unsafe to print are escapes. */
export function sqlLiteral(text: string): string {
  const quoted = text.replaceAll("'", "''");
  if (isPrintable(text)) return `'${quoted}'`;
  return `U&'${quoted.replaceAll('\\', String.raw`\\`).replace(/[^ -~]/gu, unicodeEscape)}'`;
}

/** @see https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS-UESCAPE */
function unicodeEscape(character: string): string {
  return `\\+${(character.codePointAt(0) ?? 0).toString(16).padStart(6, '0')}`;
}
