import type { LoggerService } from '@nestjs/common';

/** A logger that remembers, one line an entry: `level [context] message`. */
export class LogLines implements LoggerService {
  readonly lines: string[] = [];
  readonly debug = this.writer('debug');
  readonly verbose = this.writer('verbose');
  readonly log = this.writer('log');
  readonly warn = this.writer('warn');
  readonly error = this.writer('error');
  readonly fatal = this.writer('fatal');

  matching(pattern: RegExp): string[] {
    return this.lines.filter((line) => pattern.test(line));
  }

  private writer(level: string) {
    return (message: unknown, ...rest: unknown[]): void => {
      this.lines.push(`${level} [${String(rest.at(-1))}] ${String(message)}`);
    };
  }
}
