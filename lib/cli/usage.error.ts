import { LockConfigurationError } from '../core/index.js';

/** The command line was called in a way that it does not know. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Reads arguments: what the library or `parseArgs` of Node refuses then is a mistake of the caller. */
export function readArguments<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const isRefused = error instanceof LockConfigurationError || code.startsWith('ERR_PARSE_ARGS');
    throw isRefused ? new UsageError(message, { cause: error }) : error;
  }
}
