/** Where core writes its log lines: a logger of Nest fits. */
export interface LockLog {
  debug(message: string): void;
  log(message: string): void;
  warn(message: string): void;
  error(message: string, stack?: string): void;
}

/** Makes the log of a part by the name that its lines carry. */
export type CreateLog = (context: string) => LockLog;

const nothing = (): void => undefined;

/** For programs that want no log, such as the command line. */
export const SILENT_LOG: LockLog = { debug: nothing, log: nothing, warn: nothing, error: nothing };
