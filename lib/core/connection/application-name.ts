import { hostname } from 'node:os';

const LIBRARY = 'nestjs-advisory-lock';

/**
 * Postgres cuts longer names.
 *
 * @see https://www.postgresql.org/docs/current/runtime-config-logging.html#GUC-APPLICATION-NAME
 */
const MAX_NAME_LENGTH = 63;

/** How many characters of the purpose of a connection are shown, at least. */
const MIN_PURPOSE_LENGTH = 24;
/** How many characters of the instance are shown. They are the end of it, because the end is the process. */
export const MAX_INSTANCE_LENGTH = 40;

/** The host and the process: `web-1:4711`. */
export function defaultInstanceName(): string {
  return `${printable(hostname())}:${process.pid}`.slice(-MAX_INSTANCE_LENGTH);
}

/**
 * The `application_name` of a connection for locks, so that `pg_stat_activity` shows which instance it
 * belongs to.
 *
 * @param purpose - what it is for, where that is not the locks of an application: `run import`, or the name
 * of the module.
 */
export function applicationNameOf(instance: string, purpose = ''): string {
  const room = MAX_NAME_LENGTH - LIBRARY.length - 1;
  if (purpose === '') return `${LIBRARY} ${instance.slice(-room)}`;
  const shown = printable(purpose, ' ').slice(0, Math.max(MIN_PURPOSE_LENGTH, room - 1 - instance.length));
  return `${LIBRARY} ${shown} ${instance.slice(-(room - 1 - shown.length))}`;
}

/** The instance that a connection of this library belongs to, by its `application_name`. */
export function instanceOf(applicationName: string | undefined): string | undefined {
  const words = applicationName?.split(' ') ?? [];
  return words.length > 1 && words[0] === LIBRARY ? words.at(-1) : undefined;
}

/**
 * Replaces what is not printable ASCII, as Postgres does, and spaces, because a space separates the parts.
 */
function printable(text: string, alsoAllowed = ''): string {
  return Array.from(text, (character) =>
    /^[!-~]$/.test(character) || character === alsoAllowed ? character : '?',
  ).join('');
}
