import { type ContenderInfo, THIS_LIBRARY } from './contender.js';
import type { Medians, Plan } from './distinct-keys-rounds.js';
import { formatCount, formatRatio, printRow } from './table.js';

/**
 * Medians first, then how many times as fast this library is as each rival, and as the best on each server.
 */
export function printDistinctKeys(
  medians: Medians,
  rivals: ContenderInfo[],
  { levels, rounds, durationMs }: Plan,
): void {
  const of = (title: string) => levels.map((_, level) => medians.get(title)?.[level]);
  const bestOf = (server: string) =>
    levels.map((_, level) => {
      const known = rivals
        .filter((rival) => rival.server === server)
        .map(({ title }) => of(title)[level] ?? 0);
      return Math.max(...known);
    });
  const ratios = (rival: (number | undefined)[]) =>
    of(THIS_LIBRARY.title).map((own, level) => {
      const other = rival[level];
      return own === undefined || !other ? undefined : own / other;
    });

  console.log(`\nlock + unlock of distinct keys, locks/s, medians of ${rounds} rounds of ${durationMs} ms`);
  printRow(
    '',
    levels.map((level) => `${level} at once`),
  );
  for (const { title } of [THIS_LIBRARY, ...rivals]) printRow(title, of(title).map(formatCount));

  console.log('\nhow many times as fast this library is as');
  for (const { title } of rivals) printRow(title, ratios(of(title)).map(formatRatio));
  printRow('the best on Postgres', ratios(bestOf('postgres')).map(formatRatio));
  if (rivals.some(({ server }) => server === 'redis')) {
    printRow('the best on Redis', ratios(bestOf('redis')).map(formatRatio));
  }
}
