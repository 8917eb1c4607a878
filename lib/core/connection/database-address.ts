import { parse } from 'pg-connection-string';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { messageOf } from '../errors/message-of.js';

/**
 * What node-postgres needs to know to reach a database: where it is, as whom, and how the connection is
 * encrypted. All other options of a connection are the library's own, those of later versions of
 * node-postgres included: `pipeline`, for example, refuses custom query classes.
 */
const ADDRESS_FIELDS = [
  'host',
  'port',
  'user',
  'password',
  'database',
  'ssl',
  'sslnegotiation',
  'enableChannelBinding',
  'scramMaxIterations',
  // Some servers find the database by it, such as Neon: `options=endpoint=…`.
  'options',
  // A tunnel. It is taken over as a function, which makes a socket for each connection.
  'stream',
] as const;

/** An address in the fields of node-postgres. What is missing, node-postgres reads from the environment. */
export type DatabaseAddress = Partial<Record<(typeof ADDRESS_FIELDS)[number], unknown>>;

/** The options of a connection by the names of node-postgres, before any string in them is parsed. */
export type ConnectionConfig = Readonly<Record<string, unknown>> & { readonly connectionString?: unknown };

/**
 * Where a connection with these options goes, as node-postgres reads them: what stands in the connection
 * string wins over the fields beside it.
 */
export function addressOf(config: ConnectionConfig): DatabaseAddress {
  const { connectionString } = config;
  if (!isText(connectionString)) return pickAddress(config);
  return pickAddress({ ...config, ...parseAddress(connectionString) });
}

/**
 * Where the lock connection goes, when these options say how its address differs from that of the
 * application. Single fields win over a connection string, and a string wins over the address of the
 * application. A string names a server: its host and port belong together, and a password belongs to its
 * user.
 */
export function differentAddress(application: DatabaseAddress, config: ConnectionConfig): DatabaseAddress {
  const { connectionString, ...fields } = config;
  const own = pickAddress(fields);
  const server = isText(connectionString) ? pickAddress(parseAddress(connectionString)) : undefined;
  const base = { ...application };
  // Its sockets lead to the server of the application.
  if (server !== undefined || own.host !== undefined || own.port !== undefined) delete base.stream;
  if (server !== undefined) {
    delete base.host;
    delete base.port;
    if (server.user !== undefined && server.user !== base.user) delete base.password;
  }
  return { ...base, ...server, ...own };
}

/**
 * Parses a connection string as node-postgres does. Throws `LOCK_CONFIGURATION` when it cannot, without any
 * part of the string: it may have a password anywhere.
 *
 * @param what - the beginning of the message: what the string is.
 */
export function parseAddress(address: string, what = 'The address of the database'): ConnectionConfig {
  if (hasUnencodedPassword(address)) throw notParsed(what);
  try {
    return { ...parse(address) };
  } catch (error) {
    // A certificate that cannot be read, or options that contradict each other.
    const isOfUrl = error instanceof TypeError || error instanceof URIError;
    throw isOfUrl ? notParsed(what) : notParsed(what, messageOf(error));
  }
}

/**
 * Whether a `#`, `/` or `?` in the password has ended the host too early: the rest of the password would be
 * taken for the name of a database, which error messages show.
 */
function hasUnencodedPassword(address: string): boolean {
  if (/^(\/|socket:)/i.test(address)) return false;
  const [, path = '', query = '', fragment = ''] =
    /^(?:[^:/?#]+:)?(?:\/\/[^/?#]*)?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(address) ?? [];
  return path.includes('@') || fragment.includes('@') || /^[^=]*@/.test(query);
}

function notParsed(what: string, why?: string): LockConfigurationError {
  return new LockConfigurationError(
    `${what} must be one that node-postgres can parse, such as postgres://user:password@host:5432/database, ` +
      `received another one${why === undefined ? '' : ` (${why})`}, which is not shown because it may ` +
      'contain a password. In the user name, the password and the database, write # as %23, / as %2F, ' +
      '? as %3F, @ as %40 and % as %25.',
  );
}

function pickAddress(config: Readonly<Record<string, unknown>>): DatabaseAddress {
  const address: DatabaseAddress = {};
  for (const field of ADDRESS_FIELDS) {
    const value = config[field];
    // The parser returns an empty text for what a string does not have, and node-postgres ignores it, too.
    if (value === undefined || value === null || value === '') continue;
    if (field !== 'stream' || typeof value === 'function') address[field] = value;
  }
  return address;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
