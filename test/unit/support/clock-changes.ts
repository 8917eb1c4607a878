const HOUR_MS = 3_600_000;
/** Of all changes in these years, none is undone within three weeks. */
const STEP_HOURS = 512;
const STEP_MS = STEP_HOURS * HOUR_MS;

/**
 * Every change of the clocks in the tz database within these years, to the hour before it; once for all zones
 * that make the same one. Found by hour hands alone.
 */
export function clockChanges(firstYear: number, lastYear: number): { zone: string; atMs: number }[] {
  const changes = new Map<string, { zone: string; atMs: number }>();
  for (const zone of Intl.supportedValuesOf('timeZone')) {
    const shown = shownTime(zone);
    const aheadAt = (atMs: number): number => shown(atMs) - atMs;
    let ahead = aheadAt(Date.UTC(firstYear, 0));
    for (let atMs = Date.UTC(firstYear, 0); atMs < Date.UTC(lastYear + 1, 0); atMs += STEP_MS) {
      const before = ahead;
      ahead = aheadAt(atMs + STEP_MS);
      if (ahead === before) continue;
      let hours = 0;
      for (let step = STEP_HOURS / 2; step >= 1; step /= 2)
        if (aheadAt(atMs + (hours + step) * HOUR_MS) === before) hours += step;
      const changeMs = atMs + hours * HOUR_MS;
      const key = [changeMs, before, ahead].join(' ');
      if (!changes.has(key)) changes.set(key, { zone, atMs: changeMs });
    }
  }
  return [...changes.values()];
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What the clocks of the zone show, in milliseconds since 1970 as if it were UTC. */
export function shownTime(timeZone: string): (atMs: number) => number {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  formats.set(timeZone, format);
  return (atMs) => Date.parse(`${format.format(atMs).replace(' ', 'T')}Z`);
}
