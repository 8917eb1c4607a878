import pg from 'pg';

/** One column, `answer`. */
export interface Asked {
  sql: string;
}
export type Reply = { to: string; answer: unknown } | { to: string; error: string };

const client = new pg.Client(process.argv[2]);
client.on('error', (error) => {
  console.log(error.message);
});
await client.connect();
process.on('message', ({ sql }: Asked) => {
  client.query<{ answer: unknown }>(sql).then(
    ({ rows }) => process.send?.({ to: sql, answer: rows[0]?.answer } satisfies Reply),
    (error: unknown) => process.send?.({ to: sql, error: String(error) } satisfies Reply),
  );
});
