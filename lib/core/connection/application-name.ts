import { hostname } from 'node:os';

const LIBRARY = 'nestjs-advisory-lock';

/** Postgres cuts longer ones: https://www.postgresql.org/docs/current/runtime-config-logging.html#GUC-APPLICATION-NAME */
const MAX_NAME_LENGTH = 63;

/** So much of what a connection is for is shown at least, and so much of an instance always is, as its end tells most: the process. */
const MIN_PURPOSE_LENGTH = 24;
export const MAX_INSTANCE_LENGTH = 40;

/** The host and the process: `web-1:4711`. */
export function defaultInstanceName(): string {
  return `${printable(hostname())}:${process.pid}`.slice(-MAX_INSTANCE_LENGTH);
}

/**
 * What a connection for locks calls itself, so that everybody who looks at `pg_stat_activity` sees whose it is.
 *
 * @param purpose - what it is for, beside the locks of an application: `run import`, or the name of the module.
 */
export function applicationNameOf(instance: string, purpose = ''): string {
  const room = MAX_NAME_LENGTH - LIBRARY.length - 1;
  if (purpose === '') return `${LIBRARY} ${instance.slice(-room)}`;
  const shown = printable(purpose, ' ').slice(0, Math.max(MIN_PURPOSE_LENGTH, room - 1 - instance.length));
  return `${LIBRARY} ${shown} ${instance.slice(-(room - 1 - shown.length))}`;
}

/** Which instance a connection of this library is of, by what it calls itself. */
export function instanceOf(applicationName: string | undefined): string | undefined {
  const words = applicationName?.split(' ') ?? [];
  return words.length > 1 && words[0] === LIBRARY ? words.at(-1) : undefined;
}

/** Postgres replaces what is not printable ASCII, and a space is what the parts are told by. */
function printable(text: string, alsoAllowed = ''): string {
  return Array.from(text, (character) =>
    /^[!-~]$/.test(character) || character === alsoAllowed ? character : '?',
  ).join('');
}
