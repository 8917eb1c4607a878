import { once } from 'node:events';

export default async function globalTeardown(): Promise<void> {
  const child = globalThis.testPostgres;
  if (!child?.connected) throw new Error('The Postgres for the tests ended before the tests did.');
  child.ref();
  const ended = once(child, 'exit');
  child.disconnect();
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error('The Postgres for the tests was not taken down cleanly.');
}
