import { shownTime } from './clock-changes.js';

const MINUTE_MS = 60_000;

/** Which values a field such as `1,5-9/2,*` names. */
function namedBy(field: string, min: number, max: number): boolean[] {
  const parts = field.split(',').map((part) => {
    const [range = '', step] = part.split('/');
    const [from, to] = range === '*' ? [min, max] : range.split('-').map(Number);
    return {
      from: from ?? min,
      to: to ?? (step === undefined ? (from ?? min) : max),
      step: Number(step ?? 1),
    };
  });
  return Array.from({ length: max + 1 }, (_, value) =>
    parts.some(({ from, to, step }) => value >= from && value <= to && (value - from) % step === 0),
  );
}

interface Schedule {
  readonly isWild: boolean;
  readonly seconds: readonly number[];
  readonly isNamed: (shown: Shown) => boolean;
}

const schedules = new Map<string, Schedule>();

function scheduleOf(expression: string): Schedule {
  const known = schedules.get(expression);
  if (known !== undefined) return known;
  const fields = expression.split(' ');
  const [second = '', minute = '', hour = '', day = '', month = '', weekday = ''] =
    fields.length === 5 ? ['0', ...fields] : fields;
  const isSecond = namedBy(second, 0, 59);
  const isMinute = namedBy(minute, 0, 59);
  const isHour = namedBy(hour, 0, 23);
  const isDay = namedBy(day, 1, 31);
  const isMonth = namedBy(month, 1, 12);
  const isWeekday = namedBy(weekday, 0, 6);
  const needsBoth = day === '*' || weekday === '*';
  const schedule = {
    isWild: minute.includes('*') || hour.includes('*'),
    seconds: [...isSecond.keys()].filter((n) => isSecond[n]),
    isNamed(shown: Shown): boolean {
      if (!isMinute[shown.minute] || !isHour[shown.hour] || !isMonth[shown.month]) return false;
      const ofMonth = isDay[shown.day] === true;
      const ofWeek = isWeekday[shown.weekday] === true;
      return needsBoth ? ofMonth && ofWeek : ofMonth || ofWeek;
    },
  };
  schedules.set(expression, schedule);
  return schedule;
}

/** The clocks are asked at both ends of so many minutes, and at each of them where they have changed. */
const BLOCK_MINUTES = 15;

interface Minute {
  readonly atMs: number;
  readonly shownMs: number;
  readonly shown: Shown;
}

/** What a clock on the wall shows. */
interface Shown {
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly weekday: number;
}

function shownAt(shownMs: number): Shown {
  const date = new Date(shownMs);
  return {
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    day: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    weekday: date.getUTCDay(),
  };
}

/**
 * Says when a job runs by the rule of Debian's cron, in the way of its daemon: it looks at the clock on the
 * wall each minute.
 */
export class ClockOracle {
  private readonly minutes: Minute[] = [];

  constructor(
    zone: string,
    readonly fromMs: number,
    readonly untilMs: number,
  ) {
    const shown = shownTime(zone);
    const blockMs = BLOCK_MINUTES * MINUTE_MS;
    let nextAheadMs = shown(fromMs - 60 * MINUTE_MS) - fromMs + 60 * MINUTE_MS;
    // From an hour before: it must know what the clock has shown.
    for (let blockAt = fromMs - 60 * MINUTE_MS; blockAt < untilMs; blockAt += blockMs) {
      const aheadMs = nextAheadMs;
      nextAheadMs = shown(blockAt + blockMs) - blockAt - blockMs;
      const isSteady = nextAheadMs === aheadMs;
      for (let atMs = blockAt; atMs < Math.min(blockAt + blockMs, untilMs); atMs += MINUTE_MS) {
        const shownMs = isSteady ? atMs + aheadMs : shown(atMs);
        this.minutes.push({ atMs, shownMs, shown: shownAt(shownMs) });
      }
    }
  }

  ticksOf(expression: string): number[] {
    const { isWild, seconds, isNamed } = scheduleOf(expression);
    const ticks = new Set<number>();
    let newestMs = (this.minutes[0]?.shownMs ?? 0) - MINUTE_MS;
    for (const { atMs, shownMs, shown } of this.minutes) {
      const isRepeated = shownMs <= newestMs;
      if (!isWild)
        for (let lostMs = newestMs + MINUTE_MS; lostMs < shownMs; lostMs += MINUTE_MS)
          if (isNamed(shownAt(lostMs))) ticks.add(atMs);
      if (isNamed(shown) && (isWild || !isRepeated))
        for (const each of seconds) ticks.add(atMs + each * 1_000);
      if (!isRepeated) newestMs = shownMs;
    }
    return [...ticks].filter((tick) => tick >= this.fromMs).sort((a, b) => a - b);
  }
}
