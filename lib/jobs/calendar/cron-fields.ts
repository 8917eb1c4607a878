import { LockConfigurationError } from '../../core/index.js';

type FieldName = 'second' | 'minute' | 'hour' | 'dayOfMonth' | 'month' | 'dayOfWeek';

/** The fields in their order, and the numbers that each may have. 7 is Sunday, like 0. */
const FIELDS: readonly (readonly [name: FieldName, lowest: number, highest: number])[] = [
  ['second', 0, 59],
  ['minute', 0, 59],
  ['hour', 0, 23],
  ['dayOfMonth', 1, 31],
  ['month', 1, 12],
  ['dayOfWeek', 0, 7],
];

const PRESETS: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 0 1 1 *'],
  ['@monthly', '0 0 0 1 * *'],
  ['@weekly', '0 0 0 * * 0'],
  ['@daily', '0 0 0 * * *'],
  ['@hourly', '0 0 * * * *'],
  ['@minutely', '0 * * * * *'],
  ['@secondly', '* * * * * *'],
  ['@weekdays', '0 0 0 * * 1-5'],
  ['@weekends', '0 0 0 * * 0,6'],
]);

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const NAMES: ReadonlyMap<string, number> = new Map([
  ...MONTHS.map((name, index) => [name, index + 1] as const),
  ...DAYS.map((name, index) => [name, index] as const),
]);

/** The numbers that the fields of an expression name, each sorted. */
export interface CronFields extends Readonly<Record<FieldName, readonly number[]>> {
  /** Whether neither the minute nor the hour has a `*`. Such a job runs once a day, so to speak. */
  readonly isFixed: boolean;
}

/**
 * Reads an expression by the grammar of `cron` 4.4, whose own result does not say where a `*` stood: five
 * fields, or six with the seconds in front.
 *
 * @throws `LOCK_CONFIGURATION`
 */
export function parseCronExpression(expression: string): CronFields {
  const lower = expression.toLowerCase();
  const texts = (PRESETS.get(lower) ?? lower)
    .replace(/[a-z]{1,3}/g, (name) => String(NAMES.get(name) ?? refuse(expression, `no name "${name}"`)))
    .trim()
    .split(/\s+/);
  if (texts.length !== 5 && texts.length !== 6)
    refuse(expression, `five fields, or six with seconds, not ${texts[0] === '' ? 0 : texts.length}`);
  const [second = '0', minute = '', hour = '', ...days] = texts.length === 5 ? ['0', ...texts] : texts;
  const parts = [second, minute, hour, ...days];
  const numbers = FIELDS.map(([name, lowest, highest], index) => [
    name,
    readField(parts[index] ?? '', lowest, highest) ??
      refuse(expression, `${lowest} to ${highest} in the field ${name}, with steps of 1 at least`),
  ]);
  return {
    ...(Object.fromEntries(numbers) as Record<FieldName, readonly number[]>),
    isFixed: !minute.includes('*') && !hour.includes('*'),
  };
}

function readField(text: string, lowest: number, highest: number): readonly number[] | undefined {
  const found = new Set<number>();
  for (const part of text.split(',')) {
    const [, from, to, step] =
      /^(\d+)(?:-(\d+))?(?:\/(\d+))?$/.exec(part.replace(/^\*/, `${lowest}-${highest}`)) ?? [];
    if (from === undefined) return undefined;
    const first = Number(from);
    const last = to === undefined ? (step === undefined ? first : highest) : Number(to);
    if (first < lowest || first > last || last > highest || Number(step ?? 1) === 0) return undefined;
    for (let value = first; value <= last; value += Number(step ?? 1)) {
      found.add(highest === 7 ? value % 7 : value);
    }
  }
  return [...found].sort((a, b) => a - b);
}

function refuse(expression: string, must: string): never {
  throw new LockConfigurationError(
    `A cron expression must have ${must}, received ${JSON.stringify(expression)}.`,
  );
}
