import { printable, printableStack } from '../errors/printable.js';

/** Where core writes its log lines. A logger of Nest fits. */
export interface LockLog {
  debug(message: string): void;
  log(message: string): void;
  warn(message: string): void;
  error(message: string, stack?: string): void;
}

/** Makes the log of one part; its lines carry the name of that part. */
export type CreateLog = (context: string) => LockLog;

const nothing = (): void => undefined;

/** For programs that want no log, such as the command line. */
export const SILENT_LOG: LockLog = { debug: nothing, log: nothing, warn: nothing, error: nothing };

/** The same log, on whose lines no text of another party begins a line or moves the cursor of a terminal. */
export function printableLog(log: LockLog): LockLog {
  return {
    debug: (message) => {
      log.debug(printable(message));
    },
    log: (message) => {
      log.log(printable(message));
    },
    warn: (message) => {
      log.warn(printable(message));
    },
    error: (message, stack) => {
      log.error(printable(message), stack === undefined ? undefined : printableStack(stack));
    },
  };
}
