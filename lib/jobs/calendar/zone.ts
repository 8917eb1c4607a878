import { LockConfigurationError } from '../../core/index.js';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** The changes of a zone are found for so many days at once. */
const CHUNK_MS = 365 * DAY_MS;

/** Of all changes that are planned, none is undone within two days. */
const STEP_MS = 2 * DAY_MS;

/** An instant at which the clocks of a zone are put forward or back. */
export interface ClockChange {
  readonly atMs: number;
  /** By how much they are ahead of UTC until then, and from then on, in milliseconds. */
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** A year of a zone. */
interface Chunk {
  /** By how much its clocks are ahead of UTC when it begins, in milliseconds. */
  readonly startsWithMs: number;
  readonly changes: readonly ClockChange[];
}

const zones = new Map<string, Zone>();

/** The clocks of a time zone, by the data of this Node.js. */
export class Zone {
  private readonly chunks = new Map<number, Chunk>();

  /** @param findOffset - by how much the clocks are ahead of UTC at an instant, in milliseconds. */
  private constructor(private readonly findOffset: (atMs: number) => number) {}

  /**
   * The zone of that name, as `cron` takes them: of the tz database, `UTC`, `UTC+2`, `UTC-03:30`, or `system`
   * for that of the machine.
   *
   * @throws `LOCK_CONFIGURATION`
   */
  static named(name: string): Zone {
    const known = zones.get(name);
    if (known !== undefined) return known;
    const zone = new Zone(fixedOffset(name) ?? offsetsOf(name));
    zones.set(name, zone);
    return zone;
  }

  /** The zone that is so many minutes ahead of UTC. */
  static ahead(minutes: number): Zone {
    return new Zone(() => minutes * MINUTE_MS);
  }

  /** By how much the clocks are ahead of UTC at an instant, in milliseconds. */
  offsetAt(atMs: number): number {
    const { changes, startsWithMs } = this.chunk(chunkOf(atMs));
    return changes.findLast((change) => change.atMs <= atMs)?.afterMs ?? startsWithMs;
  }

  /** The first change after the first instant, up to and including the second. */
  firstChange(afterMs: number, untilMs: number): ClockChange | undefined {
    for (let chunk = chunkOf(afterMs); chunk <= chunkOf(untilMs); chunk += 1) {
      const found = this.chunk(chunk).changes.find(({ atMs }) => atMs > afterMs);
      if (found !== undefined) return found.atMs <= untilMs ? found : undefined;
    }
    return undefined;
  }

  /** The last one of them. */
  lastChange(afterMs: number, untilMs: number): ClockChange | undefined {
    for (let chunk = chunkOf(untilMs); chunk >= chunkOf(afterMs); chunk -= 1) {
      const found = this.chunk(chunk).changes.findLast(({ atMs }) => atMs <= untilMs);
      if (found !== undefined) return found.atMs > afterMs ? found : undefined;
    }
    return undefined;
  }

  private chunk(number: number): Chunk {
    const known = this.chunks.get(number);
    if (known !== undefined) return known;
    const changes: ClockChange[] = [];
    const startMs = number * CHUNK_MS;
    for (let fromMs = startMs; fromMs < startMs + CHUNK_MS; fromMs += STEP_MS) {
      const untilMs = Math.min(fromMs + STEP_MS, startMs + CHUNK_MS);
      // Up to but not including the end, which is the start of the next.
      const change = this.changeBetween(fromMs - SECOND_MS, untilMs - SECOND_MS);
      if (change !== undefined) changes.push(change);
    }
    const chunk = { startsWithMs: this.findOffset(startMs - SECOND_MS), changes };
    this.chunks.set(number, chunk);
    return chunk;
  }

  private changeBetween(fromMs: number, untilMs: number): ClockChange | undefined {
    const [beforeMs, afterMs] = [this.findOffset(fromMs), this.findOffset(untilMs)];
    if (beforeMs === afterMs) return undefined;
    let lastBefore = fromMs / SECOND_MS;
    let firstAfter = untilMs / SECOND_MS;
    while (firstAfter - lastBefore > 1) {
      const middle = Math.floor((lastBefore + firstAfter) / 2);
      if (this.findOffset(middle * SECOND_MS) === beforeMs) lastBefore = middle;
      else firstAfter = middle;
    }
    return { atMs: firstAfter * SECOND_MS, beforeMs, afterMs };
  }
}

function chunkOf(atMs: number): number {
  return Math.floor(atMs / CHUNK_MS);
}

function fixedOffset(name: string): (() => number) | undefined {
  if (/^gmt$/i.test(name)) return () => 0;
  const [matched, hours = '0', minutes = '0'] = /^utc(?:([+-]\d{1,2})(?::(\d{2}))?)?$/i.exec(name) ?? [];
  if (matched === undefined) return undefined;
  const sign = hours.startsWith('-') ? -1 : 1;
  const offsetMs = Number(hours) * 60 * MINUTE_MS + sign * Number(minutes) * MINUTE_MS;
  return () => offsetMs;
}

function offsetsOf(name: string): (atMs: number) => number {
  const isOfMachine = /^(system|local|default)$/i.test(name);
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      ...(!isOfMachine && { timeZone: name }),
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch (cause) {
    throw new LockConfigurationError(
      `A time zone must be one of the tz database, such as Europe/Berlin, received ${JSON.stringify(name)}.`,
      { cause },
    );
  }
  return (atMs) => {
    // Such as `3/29/2026, 03:00:00`.
    const [month = 1, day = 1, year = 1970, ...time] = (format.format(atMs).match(/\d+/g) ?? []).map(Number);
    const [hour = 0, minute = 0, second = 0] = time;
    const shownMs = Date.UTC(year, month - 1, day, hour, minute, second);
    return shownMs - Math.floor(atMs / SECOND_MS) * SECOND_MS;
  };
}
