import type { LoggerService } from '@nestjs/common';
import { currentBody } from '../../support/cleanup.js';

/** The newest one of each test that runs beside others. */
const newest = new WeakMap<object, LogLines>();

/**
 * A logger that remembers, one line an entry: `level [context] message`. Nest has one logger for the process,
 * the one that was set last: where tests run together, each line goes to the last one of its own test.
 */
export class LogLines implements LoggerService {
  readonly lines: string[] = [];
  readonly debug = this.writer('debug');
  readonly verbose = this.writer('verbose');
  readonly log = this.writer('log');
  readonly warn = this.writer('warn');
  readonly error = this.writer('error');
  readonly fatal = this.writer('fatal');

  constructor() {
    const body = currentBody();
    if (body !== undefined) newest.set(body, this);
  }

  matching(pattern: RegExp): string[] {
    return this.lines.filter((line) => pattern.test(line));
  }

  private writer(level: string) {
    return (message: unknown, ...rest: unknown[]): void => {
      const body = currentBody();
      const { lines } = (body && newest.get(body)) ?? this;
      lines.push(`${level} [${String(rest.at(-1))}] ${String(message)}`);
    };
  }
}
