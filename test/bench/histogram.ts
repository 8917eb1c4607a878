/** The upper ends of the bars, in milliseconds. */
const BOUNDS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 1_500, Infinity];
const WIDTH = 40;

/** A line for each bar, from the first to the last one that is not empty. */
export function histogram(valuesMs: readonly number[]): string[] {
  const counts = BOUNDS_MS.map(
    (bound, n) => valuesMs.filter((ms) => ms <= bound && ms > (BOUNDS_MS[n - 1] ?? -Infinity)).length,
  );
  const [first, last] = [counts.findIndex((count) => count > 0), counts.findLastIndex((count) => count > 0)];
  return counts.slice(first, last + 1).map((count, n) => {
    const bound = BOUNDS_MS[first + n] as number;
    const label = bound === Infinity ? 'more' : `≤ ${bound}`;
    const bar = '█'.repeat(Math.ceil((count / valuesMs.length) * WIDTH));
    return `${label.padStart(7)} ms ${String(count).padStart(5)} ${bar}`;
  });
}
