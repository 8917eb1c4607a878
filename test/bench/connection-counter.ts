import pg from 'pg';

/** What a contender calls its connections to Postgres, so that those of its process can be counted. */
export function connectionName(library: string): string {
  return `${library}:${process.pid}`;
}

const COUNT = `SELECT count(*)::int AS count FROM pg_catalog.pg_stat_activity
  WHERE pg_catalog.split_part(application_name, ':', 2) = ANY ($1) GROUP BY application_name`;

export class ConnectionCounter {
  private constructor(private readonly client: pg.Client) {}

  static async open(postgresUrl: string): Promise<ConnectionCounter> {
    const client = new pg.Client({ connectionString: postgresUrl });
    await client.connect();
    return new ConnectionCounter(client);
  }

  /** How many connections the process has that has the most. */
  async mostOf(pids: number[]): Promise<number> {
    const { rows } = await this.client.query<{ count: number }>(COUNT, [pids.map(String)]);
    return Math.max(0, ...rows.map(({ count }) => count));
  }

  close(): Promise<void> {
    return this.client.end();
  }
}
