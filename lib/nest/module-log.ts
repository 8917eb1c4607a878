import { Logger } from '@nestjs/common';
import { type CreateLog, DEFAULT_NAME, type LockLog } from '../core/index.js';

/**
 * The logs of a configured module. Every line of a module with a name begins with that name and the database
 * of its locks, as several modules write the same lines.
 *
 * @param findDatabase - the name of the database. May throw: while it is not known, it is left out.
 */
export function moduleLogs(name: string, findDatabase: () => string | undefined): CreateLog {
  if (name === DEFAULT_NAME) return (context) => new Logger(context);
  const label = (message: string): string => {
    const database = known(findDatabase);
    return `${name}${database === undefined ? '' : ` (database "${database}")`}: ${message}`;
  };
  return (context): LockLog => {
    const logger = new Logger(context);
    return {
      debug: (message) => {
        logger.debug(label(message));
      },
      log: (message) => {
        logger.log(label(message));
      },
      warn: (message) => {
        logger.warn(label(message));
      },
      error: (message, stack) => {
        logger.error(label(message), stack);
      },
    };
  };
}

function known<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch {
    return undefined;
  }
}
