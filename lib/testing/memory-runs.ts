interface Run {
  readonly job: string;
  readonly atMs: number;
  readonly instance: string;
  readonly startedMs: number;
  endedMs: number | null;
  outcome: unknown;
  error: unknown;
}

/** The one table that there is in memory: that of recorded runs, by the statements of `RunRecords`. */
export class MemoryRuns {
  private runs: Run[] = [];

  /** The rows of a statement; `undefined` when it is none of that table. */
  query(sql: string, parameters: readonly unknown[]): object[] | undefined {
    // Whether there is a table of pauses.
    if (sql.includes('to_regclass')) return [];
    if (!sql.includes('"exclusive_cron_run"')) return undefined;
    const [job, second, third, fourth] = parameters;
    const [verb] = sql.split(' ', 1);
    switch (verb) {
      case 'EXPLAIN':
        return [];
      case 'INSERT':
        return this.insert(String(job), Number(second), String(third), Number(fourth));
      case 'UPDATE':
        for (const run of this.of(job).filter(({ atMs }) => atMs === second))
          Object.assign(run, { endedMs: Date.now(), outcome: third, error: fourth });
        return [];
      case 'DELETE':
        this.runs = this.runs.filter((run) => run.job !== job || run.atMs >= Date.now() - Number(second));
        return [];
      default:
        return this.select(sql, job, Number(second)).map(rowOf);
    }
  }

  clear(): void {
    this.runs = [];
  }

  private of(job: unknown): Run[] {
    return this.runs.filter((run) => run.job === job);
  }

  private insert(job: string, atMs: number, instance: string, retainMs: number): object[] {
    const isTaken = this.of(job).some((run) => run.atMs === atMs);
    if (isTaken || atMs < Date.now() - retainMs) return [];
    this.runs.push({ job, atMs, instance, startedMs: Date.now(), endedMs: null, outcome: null, error: null });
    return [{ job }];
  }

  private select(sql: string, job: unknown, number: number): Run[] {
    const runs = this.of(job);
    if (sql.includes('LIMIT')) return runs.sort((one, other) => other.atMs - one.atMs).slice(0, number);
    if (sql.includes('(pg_catalog.>=)')) return runs.filter(({ atMs }) => atMs >= number);
    return runs.filter(({ atMs }) => atMs === number);
  }
}

/** With numbers as text, as the statements select them. */
function rowOf({ atMs, instance, startedMs, endedMs, outcome, error }: Run): object {
  return {
    at_ms: String(atMs),
    instance,
    started_ms: String(startedMs),
    ended_ms: endedMs === null ? null : String(endedMs),
    outcome,
    error,
  };
}
