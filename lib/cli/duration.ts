import { UsageError } from './usage.error.js';

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Reads `500ms`, `10s`, `2m` or `1h` as milliseconds. A bare number is seconds, as in sleep(1), timeout(1)
 * and flock(1).
 */
export function readDurationMs(text: string, option: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  if (amount === undefined || unitMs === undefined) {
    throw new UsageError(
      `${option} must be a time such as 500ms, 10s or 2m, received ${JSON.stringify(text)}.`,
    );
  }
  return Math.round(Number(amount) * unitMs);
}
