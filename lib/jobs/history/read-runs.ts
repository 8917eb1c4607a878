import type { RecordDatabase } from '../records/record-database.js';
import { msOf, timestamp } from '../records/run-columns.js';
import { RUN_TABLE } from '../records/run-table.js';
import { HISTORY_TABLE } from './history-table.js';

/** Which runs are read. */
export interface RunFilter {
  readonly trigger?: 'schedule' | 'manual' | undefined;
  /** `null`: without an end. */
  readonly outcome?: 'done' | 'failed' | null | undefined;
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
  readonly limit: number;
}

/** A run as the tables have it: an attempt of the history, or the record of a tick. */
export interface StoredRun {
  /** Of an attempt in the history; `null` for the record of a tick. */
  readonly id: string | null;
  readonly atMs: number;
  readonly trigger: 'schedule' | 'manual';
  readonly attempt: number;
  readonly instance: string;
  readonly startedMs: number;
  readonly endedMs: number | null;
  readonly outcome: 'done' | 'failed' | null;
  readonly error: string | null;
}

type Row = Record<keyof StoredRun, string | null>;

const COLUMNS = `instance, ${msOf('started_at')} AS "startedMs", ${msOf('ended_at')} AS "endedMs", outcome,
  error, tick_at`;

/**
 * The newest runs of a job, the newest first: those of the history, and the records of ticks that it does not
 * have.
 *
 * @param job - with the namespace.
 */
export async function readRuns(
  database: RecordDatabase,
  job: string,
  { trigger, outcome, fromMs, untilMs, limit }: RunFilter,
): Promise<StoredRun[]> {
  const [history, records] = [database.tableOf(HISTORY_TABLE), database.tableOf(RUN_TABLE)];
  const [hasHistory, hasRecords] = await tablesOf(database, [history, records]);
  const parts = [
    ...(hasHistory
      ? [
          `SELECT id, ${msOf('tick_at')} AS "atMs", trigger, attempt::pg_catalog.text AS attempt, ${COLUMNS}
          FROM ${history} WHERE job OPERATOR(pg_catalog.=) $1`,
        ]
      : []),
    // Without both, its error says what is missing.
    ...(hasRecords || !hasHistory
      ? [
          `SELECT NULL::pg_catalog.text AS id, ${msOf('tick_at')} AS "atMs", 'schedule' AS trigger,
            '1' AS attempt, ${COLUMNS} FROM ${records} AS record WHERE job OPERATOR(pg_catalog.=) $1
            ${hasHistory ? `AND NOT EXISTS (${attemptsOf(history)})` : ''}`,
        ]
      : []),
  ];
  const rows = await database.query<Row>(
    `SELECT * FROM (${parts.join(' UNION ALL ')}) AS run
      WHERE ($2::pg_catalog.text IS NULL OR trigger OPERATOR(pg_catalog.=) $2::pg_catalog.text)
        AND ($3::pg_catalog.text IS NULL
          OR coalesce(outcome, '') OPERATOR(pg_catalog.=) $3::pg_catalog.text)
        AND ($4::pg_catalog.float8 IS NULL OR tick_at OPERATOR(pg_catalog.>=) ${timestamp('$4')})
        AND ($5::pg_catalog.float8 IS NULL OR tick_at OPERATOR(pg_catalog.<=) ${timestamp('$5')})
      ORDER BY tick_at DESC, attempt::pg_catalog.int4 DESC LIMIT $6::int`,
    [job, trigger ?? null, outcome === null ? '' : (outcome ?? null), fromMs ?? null, untilMs ?? null, limit],
  );
  return rows.map((row) => ({
    ...(row as unknown as StoredRun),
    atMs: Number(row.atMs),
    attempt: Number(row.attempt),
    startedMs: Number(row.startedMs),
    endedMs: row.endedMs === null ? null : Number(row.endedMs),
  }));
}

/** Whether there is a history, or there are records. */
export async function hasRunTables(database: RecordDatabase): Promise<boolean> {
  const found = await tablesOf(
    database,
    [HISTORY_TABLE, RUN_TABLE].map((name) => database.tableOf(name)),
  );
  return found.includes(true);
}

function attemptsOf(history: string): string {
  return `SELECT FROM ${history} AS kept WHERE kept.job OPERATOR(pg_catalog.=) record.job
    AND kept.tick_at OPERATOR(pg_catalog.=) record.tick_at
    AND kept.trigger OPERATOR(pg_catalog.=) 'schedule'`;
}

async function tablesOf(database: RecordDatabase, tables: readonly string[]): Promise<boolean[]> {
  const found = await database.query<{ found: string | null }>(
    `SELECT pg_catalog.to_regclass(name)::pg_catalog.text AS found
      FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS wanted (name, place) ORDER BY place`,
    [tables],
  );
  return found.map((row) => row.found !== null);
}
