import { timeOf } from './time-of.js';

/** The meaning of the responses of the shop, in words short enough for a column. */
const meanings = new Map([
  ['200', 'done'],
  ['201', 'done'],
  ['409', 'busy'],
  ['410', 'too late'],
  ['422', 'too late'],
]);

/** One line of an instance's log, as Nest's `ConsoleLogger` writes it with `json: true`. */
export interface LogLine {
  level: string;
  context?: string | undefined;
  message: string;
}

/** Something an instance did, or left to another instance. */
export interface Deed {
  what: string;
  result: string;
  done: boolean;
  /** More follows from this instance. */
  isUnderWay?: boolean;
}

/** What Node itself prints (a stack trace, a warning) is not JSON and counts as an error. */
export function parseLogLine(line: string): LogLine {
  try {
    const { level, context, message } = JSON.parse(line) as Omit<LogLine, 'message'> & { message: unknown };
    return { level, context, message: String(message) };
  } catch {
    return { level: 'error', message: line };
  }
}

/** Finds the lines worth a place on the board; the rest of the log is Nest's own. */
export function deedOf({ context, message }: LogLine): Deed | undefined {
  if (context === 'DailyReport') {
    const [tick = '', ...outcome] = message.split(' ');
    const result = outcome.join(' ');
    return {
      what: `tick ${timeOf(new Date(tick))}  daily report`,
      result,
      done: result.startsWith('wrote'),
      isUnderWay: result === 'claimed',
    };
  }
  if (context === 'PriceDesk' && message.startsWith('Tea')) {
    return { what: 'price desk', result: message.toLowerCase(), done: true };
  }
  if (context === 'AdvisoryLock' && message.startsWith('Skipped PriceDesk')) {
    return { what: 'price desk', result: 'not leading', done: false };
  }
  if (context === 'Stocktake') return { what: 'stocktake', result: message.toLowerCase(), done: true };
  if (context === 'AdvisoryLock' && message.startsWith('Skipped Stocktake')) {
    return { what: 'stocktake', result: message.endsWith('paused') ? 'paused' : 'skipped', done: false };
  }
  // The reports of the accountant are written in every instance, sooner or later: they are for the dashboard.
  if (context === 'HTTP' && /^(POST|PUT)/.test(message) && !message.startsWith('POST /reports')) {
    const [method = '', path = '', status = ''] = message.split(' ');
    return {
      what: `${method} ${path}`,
      result: `${status} ${meanings.get(status) ?? ''}`,
      done: status.startsWith('2'),
    };
  }
  return undefined;
}

/** Whether the instance begins or ends its leadership with this line. */
export function leadershipOf({ context, message }: LogLine): 'begins' | 'ends' | undefined {
  if (context !== 'PriceDesk') return undefined;
  if (message === 'Opened') return 'begins';
  return message === 'Closed' ? 'ends' : undefined;
}
