import { UsageError } from './usage.error.js';

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** From when to when a time may be, both included. */
export interface DurationLimits {
  readonly min: string;
  readonly max: string;
}

/**
 * Reads `500ms`, `10s`, `2m` or `1h` as milliseconds. A bare number is seconds, as in sleep(1), timeout(1)
 * and flock(1).
 */
export function readDurationMs(text: string, option: string, limits?: DurationLimits): number {
  const ms = durationMs(text, option);
  if (limits === undefined) return ms;
  const { min, max } = limits;
  if (ms >= durationMs(min, option) && ms <= durationMs(max, option)) return ms;
  throw new UsageError(`${option} must be a time from ${min} to ${max}, received ${JSON.stringify(text)}.`);
}

function durationMs(text: string, option: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  if (amount === undefined || unitMs === undefined) {
    throw new UsageError(
      `${option} must be a time such as 500ms, 10s or 2m, received ${JSON.stringify(text)}.`,
    );
  }
  return Math.round(Number(amount) * unitMs);
}
