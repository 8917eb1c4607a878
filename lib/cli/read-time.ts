import type { Zone } from '../jobs/calendar/zone.js';
import { UsageError } from './usage.error.js';

const TIME = /^\d{4}-\d{2}-(\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** An ISO date, or an instant, in milliseconds since 1970; without an offset it is a time of the zone. */
export function readTime(text: string, zone: Zone, option: string): number {
  const [, day, offset] = TIME.exec(text) ?? [];
  const isLocal = text.includes('T') && offset === undefined;
  // `Date.parse()` takes February 30 for March 2, and a bare number for a year.
  const isDate = new Date(text.slice(0, 10)).getUTCDate() === Number(day);
  const shownMs = isDate ? Date.parse(isLocal ? `${text}Z` : text) : NaN;
  if (Number.isNaN(shownMs)) {
    throw new UsageError(
      `${option} must be a time such as 2026-10-25, 2026-10-25T01:30 or 2026-10-25T01:30Z, received ` +
        `${JSON.stringify(text)}.`,
    );
  }
  if (offset !== undefined) return shownMs;
  return shownMs - zone.offsetAt(shownMs - zone.offsetAt(shownMs));
}
