import { parseArgs } from 'node:util';
import { Calendar } from '../jobs/calendar/calendar.js';
import { Zone } from '../jobs/calendar/zone.js';
import type { CliCommand } from './cli-command.js';
import { ExitStatus } from './exit-status.js';
import { print, printJson } from './print.js';
import { readTime } from './read-time.js';
import { readArguments, UsageError } from './usage.error.js';

const DEFAULT_COUNT = '10';
const MAX_COUNT = 100_000;

/** Prints when a job runs, without a database. */
export const ticksCommand: CliCommand = {
  usage: '<expression> [--zone <zone>] [--from <time>] [--to <time> | --count <n>] [--json]',
  summary: 'Prints the instants at which a job with a cron expression runs',
  details: [
    '  --zone <zone>         the time zone of the job, such as Europe/Berlin; by default of the machine',
    '  --from <time>         from when on, included: 2026-10-25, 2026-10-25T01:30 (times of the zone), or',
    '                        2026-10-25T01:30Z; now by default',
    '  --to <time>           until when, included',
    `  --count <n>           how many, ${DEFAULT_COUNT} by default, at most ${MAX_COUNT}`,
    '  --json                prints an array of strings',
    '',
    'The expression is one argument, in quotes: five fields, or six with the seconds in front. On the day',
    'of a clock change a job with a fixed hour and minute runs once, at the first of two times or at the',
    'end of the gap, and one with `*` in the hour or minute goes on evenly.',
    '',
    `Exit status: 0; ${ExitStatus.usage} when the arguments are wrong.`,
  ].join('\n'),

  run(args) {
    const { ticks, zone, json } = readArguments(() => readTicks(args));
    const instants = ticks.map((tick) => new Date(tick).toISOString());
    if (json) printJson(instants);
    else if (ticks.length > 0) print(ticks.map((tick) => lineOf(tick, zone)).join('\n'));
    return Promise.resolve(ExitStatus.ok);
  },
};

function readTicks(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    options: {
      zone: { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
      count: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const [expression, surplus] = positionals;
  if (expression === undefined) throw new UsageError('The cron expression is missing.');
  if (surplus !== undefined) {
    throw new UsageError(
      `The command takes one expression, received ${JSON.stringify(surplus)} as well. Put it in quotes.`,
    );
  }
  const { to, count } = values;
  if (to !== undefined && count !== undefined) throw new UsageError('--to and --count exclude each other.');
  const zone = Zone.named(values.zone ?? 'system');
  const fromMs = values.from === undefined ? Date.now() : readTime(values.from, zone, '--from');
  const max = to === undefined ? readCount(count ?? DEFAULT_COUNT) : MAX_COUNT;
  const untilMs = to === undefined ? Infinity : readTime(to, zone, '--to');
  const ticks = ticksOf(new Calendar(expression, zone), fromMs, untilMs, max + 1);
  if (to !== undefined && ticks.length > max) {
    throw new UsageError(`There are more than ${max} instants until then: --to must be earlier.`);
  }
  return { ticks: ticks.slice(0, max), zone, json: values.json };
}

function ticksOf(calendar: Calendar, fromMs: number, untilMs: number, max: number): number[] {
  const ticks: number[] = [];
  let tick = calendar.after(fromMs - 1);
  while (tick !== undefined && tick <= untilMs && ticks.length < max) {
    ticks.push(tick);
    tick = calendar.after(tick);
  }
  return ticks;
}

function readCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MAX_COUNT) return count;
  throw new UsageError(
    `--count must be a whole number from 1 to ${MAX_COUNT}, received ${JSON.stringify(text)}.`,
  );
}

/** Such as `2026-10-25T02:00:00Z  2026-10-25 03:00:00 +01:00`. */
function lineOf(tick: number, zone: Zone): string {
  const offsetMs = zone.offsetAt(tick);
  const minutes = Math.abs(offsetMs) / 60_000;
  const [hour, minute] = [Math.floor(minutes / 60), minutes % 60].map((each) =>
    String(each).padStart(2, '0'),
  );
  const shown = secondsOf(tick + offsetMs)
    .replace('T', ' ')
    .replace('Z', '');
  return `${secondsOf(tick)}  ${shown} ${offsetMs < 0 ? '-' : '+'}${hour}:${minute}`;
}

function secondsOf(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z/, 'Z');
}
