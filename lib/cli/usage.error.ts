import { LockConfigurationError } from '../core/index.js';

/** The arguments of the command line are wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Reads arguments: an error of the library or of Node's `parseArgs` means that they are wrong. */
export function readArguments<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const isRefused = error instanceof LockConfigurationError || code.startsWith('ERR_PARSE_ARGS');
    // The hints of parseArgs() are lines of their own; an argument must not begin one.
    const line = message.replace(/\.\n(?=Did you forget|To specify)/g, '. ');
    throw isRefused ? new UsageError(line, { cause: error }) : error;
  }
}
