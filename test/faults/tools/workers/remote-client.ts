import pg from 'pg';

/** One column, `value`. */
export interface Asked {
  sql: string;
}
export type Reply = { to: string; value: unknown } | { to: string; error: string };

const client = new pg.Client(process.argv[2]);
client.on('error', (error) => {
  console.log(error.message);
});
await client.connect();
process.on('message', ({ sql }: Asked) => {
  client.query<{ value: unknown }>(sql).then(
    ({ rows }) => process.send?.({ to: sql, value: rows[0]?.value } satisfies Reply),
    (error: unknown) => process.send?.({ to: sql, error: String(error) } satisfies Reply),
  );
});
