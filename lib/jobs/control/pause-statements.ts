import type { Statement } from '../../core/index.js';

// Operators, functions and types are qualified, as in run-records.ts. Each statement has one column of text,
// so that any client can read it.

/** A job's last pause. */
export interface JobPause {
  /** The name of the job's lock, with the namespace. */
  readonly job: string;
  readonly reason: string | null;
  readonly pausedAtMs: number;
  /** `null` while no end is known. */
  readonly untilMs: number | null;
  readonly by: string;
  /** The pauses before it, the newest first. */
  readonly earlier: readonly PauseSpan[];
}

/** A tick at the second instant is not of the pause. */
export type PauseSpan = readonly [fromMs: number, untilMs: number];

/** Of a job so many pauses are kept, as they say which of its ticks were left out on purpose. */
const MAX_EARLIER = 100;

const NOW = 'pg_catalog.clock_timestamp()';
const msOf = (column: string): string =>
  `pg_catalog.round((extract(epoch FROM ${column}) OPERATOR(pg_catalog.*) 1000))`;
const isActive = (until: string): string => `(${until} IS NULL OR ${until} OPERATOR(pg_catalog.>) ${NOW})`;

/** Whether the table exists: a query of a missing table would be an error in the server's log. */
export function findTable(table: string): Statement {
  return {
    text: 'SELECT pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.text',
    values: [table],
  };
}

/** All pauses, each as JSON for {@link readPause}. */
export function selectPauses(table: string): Statement {
  return {
    text: `SELECT pg_catalog.json_build_array(job, reason, ${msOf('paused_at')}, ${msOf('until')}, by,
  ARRAY(SELECT ${msOf('at')} FROM pg_catalog.unnest(earlier) WITH ORDINALITY AS bound (at, place)
    ORDER BY place))::pg_catalog.text FROM ${table}`,
    values: [],
  };
}

export function readPause(json: string): JobPause {
  const [job, reason, pausedAtMs, untilMs, by, bounds] = JSON.parse(json) as [
    string,
    string | null,
    number,
    number | null,
    string,
    number[],
  ];
  const earlier = bounds.flatMap((fromMs, n): PauseSpan[] =>
    n % 2 === 0 ? [[fromMs, bounds[n + 1] ?? Infinity]] : [],
  );
  return { job, reason, pausedAtMs, untilMs, by, earlier };
}

/**
 * Pauses a job. No row: the end is not in the future, by the clock of the server. Postgres has no timestamps
 * for the earliest dates of JavaScript.
 */
export function insertPause(
  table: string,
  { job, reason, untilMs, by }: Omit<JobPause, 'pausedAtMs' | 'earlier'>,
): Statement {
  const until = 'pg_catalog.to_timestamp($3::pg_catalog.float8 OPERATOR(pg_catalog./) 1000)';
  return {
    text: `INSERT INTO ${table} AS last (job, reason, paused_at, until, by)
  SELECT $1::pg_catalog.text, $2::pg_catalog.text, ${NOW}, ${until}, $4::pg_catalog.text
   WHERE ${isActive(until)}
  ON CONFLICT (job) DO UPDATE SET reason = excluded.reason, until = excluded.until, by = excluded.by,
    paused_at = CASE WHEN ${isActive('last.until')} THEN last.paused_at ELSE excluded.paused_at END,
    earlier = CASE WHEN ${isActive('last.until')} THEN last.earlier ELSE
      (ARRAY[last.paused_at, last.until] OPERATOR(pg_catalog.||) last.earlier)[1:${2 * MAX_EARLIER}] END
  RETURNING job`,
    values: [job, reason, untilMs === null ? null : String(Math.max(0, untilMs)), by],
  };
}

/**
 * Ends the pause of a job. No row: it is not paused. The row stays, as it says which ticks were left out on
 * purpose.
 */
export function endPause(table: string, job: string): Statement {
  return {
    text: `UPDATE ${table} SET until = ${NOW}
   WHERE job OPERATOR(pg_catalog.=) $1::pg_catalog.text AND ${isActive('until')} RETURNING job`,
    values: [job],
  };
}
