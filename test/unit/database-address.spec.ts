import { describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import {
  connectionConfig,
  type LockConnectionOptions,
  type PostgresConfig,
  type PostgresOptions,
  readPostgresConfig,
  schemaOfConfig,
} from '../../lib/core/index.js';

const needs = { applicationName: 'nestjs-advisory-lock web-1' };
const times = { heartbeatMs: 2_000 };

type Config = ReturnType<typeof connectionConfig>;

/** The options of the lock connection for these of the application. */
function optionsOf(application: Partial<PostgresOptions>, connectionOptions?: LockConnectionOptions): Config {
  return connectionConfig({ type: 'postgres', ...application }, { ...needs, connectionOptions }, times);
}

describe('the address of the lock connection', () => {
  it.each([
    [
      'a URL',
      'postgres://ann:secret@db:6432/shop',
      { host: 'db', port: 6432, user: 'ann', password: 'secret', database: 'shop' },
    ],
    [
      'encoded characters',
      'postgres://a%40b:s%23%2F%3F%25@db/s%20p',
      { host: 'db', user: 'a@b', password: 's#/?%', database: 's p' },
    ],
    [
      'a bare percent sign',
      'postgres://ann:50%!@db/shop',
      { host: 'db', password: '50%!', database: 'shop' },
    ],
    ['IPv6', 'postgres://ann@[::1]:5433/shop', { host: '::1', port: 5433, user: 'ann', database: 'shop' }],
    [
      'a socket in the query',
      'postgresql://ann:secret@/shop?host=/run/pg',
      { host: '/run/pg', user: 'ann', password: 'secret', database: 'shop' },
    ],
    [
      'a socket as the host',
      'postgresql://ann@%2Frun%2Fpg:5433/shop',
      { host: '/run/pg', port: 5433, user: 'ann', database: 'shop' },
    ],
    ['a socket URL', 'socket:/run/pg?db=shop', { host: '/run/pg', database: 'shop' }],
    ['a folder and a database', '/run/pg shop', { host: '/run/pg', database: 'shop' }],
  ])('is read from %s as node-postgres reads it, and passed in fields', (_, url, fields) => {
    const { host, port, user, password, database, ...others } = optionsOf({ url });
    const given = Object.entries({ host, port: port && Number(port), user, password, database });
    expect(given.filter(([, value]) => value !== undefined)).toEqual(
      expect.arrayContaining(Object.entries(fields)),
    );
    expect(others).not.toHaveProperty('url');
    expect(others).not.toHaveProperty('connectionString');
  });

  it('lets a string win over the fields beside it, as TypeORM and node-postgres do', () => {
    const options = optionsOf({
      url: 'postgres://ann:secret@db/shop?sslmode=disable',
      host: 'other',
      ssl: true,
    });
    expect(options).toMatchObject({ host: 'db', user: 'ann', ssl: false });
    const inExtra = { connectionString: 'postgres://bob@db2/archive', ssl: { ca: 'PEM' } };
    expect(optionsOf({ host: 'other', extra: inExtra })).toMatchObject({
      host: 'db2',
      user: 'bob',
      database: 'archive',
      ssl: { ca: 'PEM' },
    });
  });

  it('lets connectionOptions win over any string, and the library over both', () => {
    const url =
      'postgres://ann:secret@pooler:6432/shop?application_name=shop&query_timeout=5&sslmode=no-verify' +
      '&keepAlive=false&statement_timeout=7';
    const options = optionsOf({ url }, { host: 'direct', port: 5432, password: 'other', ssl: { ca: 'PEM' } });
    expect(options).toMatchObject({
      host: 'direct',
      port: 5432,
      user: 'ann',
      password: 'other',
      ssl: { ca: 'PEM' },
      application_name: needs.applicationName,
      query_timeout: 0,
      keepAlive: true,
    });
    expect(options).not.toHaveProperty('statement_timeout');
    expect(optionsOf({}, { url, port: 5432, ssl: false })).toMatchObject({
      host: 'pooler',
      port: 5432,
      ssl: false,
    });
  });

  it('keeps a password function beside a string', () => {
    const password = (): string => 'fresh';
    expect(optionsOf({ url: 'postgres://ann:old@db/shop' }, { password })).toMatchObject({ password });
  });

  it('takes host and port from the string of connectionOptions, and the rest where it has none', () => {
    const same = { password: 'secret', database: 'shop', ssl: { ca: 'PEM' } };
    const application = { ...same, host: 'pooler', port: 6432, username: 'ann' };
    const direct = optionsOf(application, { url: 'postgres://direct' });
    expect(direct).toMatchObject({ ...same, user: 'ann', host: 'direct' });
    expect(direct).not.toHaveProperty('port');
    const other = optionsOf(application, { url: 'postgres://bob@direct/archive' });
    expect(other).toMatchObject({ user: 'bob', database: 'archive' });
    expect(other).not.toHaveProperty('password');
  });

  it('is that of the master alone beside `replication`', () => {
    const master = { host: 'primary', username: 'ann', database: 'shop' };
    const options = optionsOf({
      url: 'postgres://bob:wrong@elsewhere/archive',
      host: 'elsewhere',
      password: 'wrong',
      ssl: true,
      connectTimeoutMS: 1_234,
      replication: { master, slaves: [] },
    });
    expect(options).toMatchObject({
      host: 'primary',
      user: 'ann',
      database: 'shop',
      connectionTimeoutMillis: 1_234,
    });
    for (const field of ['url', 'password', 'ssl', 'replication']) expect(options).not.toHaveProperty(field);
  });

  it('is all that the lock connection has of the application', () => {
    const stream = (): string => 'a tunnel';
    const application: Partial<PostgresOptions> = {
      url: 'postgres://db/shop?pipeline=true&options=-c%20work_mem%3D1MB',
      synchronize: true,
      migrationsRun: true,
      logging: true,
      poolSize: 50,
      extra: {
        pipeline: true,
        binary: true,
        types: { getTypeParser: () => () => 'nonsense' },
        Client: () => undefined,
        maxLifetimeSeconds: 1,
        statement_timeout: 1,
        laterOption: true,
        stream,
      },
    };
    expect(Object.keys(optionsOf(application)).sort()).toEqual(
      [
        'application_name',
        'connectionTimeoutMillis',
        'database',
        'host',
        'keepAlive',
        'keepAliveInitialDelayMillis',
        'options',
        'query_timeout',
        'stream',
      ].sort(),
    );
    expect(optionsOf(application, { host: 'direct' })).not.toHaveProperty('stream');
    expect(optionsOf({ extra: { stream: { write: true } } })).not.toHaveProperty('stream');
  });
});

describe('the option `postgres`', () => {
  const read = (value: unknown): PostgresConfig => readPostgresConfig(value, 'The option `postgres`');
  const configOf = (value: unknown): Config => connectionConfig(read(value), needs, times);

  it('is an address, or the options of a client of node-postgres', () => {
    const password = (): string => 'fresh';
    const parsed = { host: 'db', user: 'ann', password: 'secret', database: 'shop' };
    expect(configOf('postgres://ann:secret@db/shop?schema=shop&application_name=x')).toMatchObject({
      ...parsed,
      application_name: needs.applicationName,
    });
    expect(configOf({ connectionString: 'postgres://ann:secret@db/shop' })).toMatchObject(parsed);
    expect(configOf({ host: 'db', password, ssl: true, connectionTimeoutMillis: 5 })).toMatchObject({
      host: 'db',
      password,
      ssl: true,
      connectionTimeoutMillis: 5,
    });
    expect(configOf({ statement_timeout: 1, application_name: 'x' })).toEqual(configOf({}));
  });

  it('may be redirected for locks by connectionOptions', () => {
    const needsMore = { ...needs, connectionOptions: { url: 'postgres://direct:5433' } };
    expect(connectionConfig(read('postgres://ann:secret@pooler:6432/shop'), needsMore, times)).toMatchObject({
      host: 'direct',
      port: '5433',
      user: 'ann',
      password: 'secret',
      database: 'shop',
    });
  });

  it('has the schema of Prisma', () => {
    expect(schemaOfConfig(read('postgresql://db/shop?schema=sales&connection_limit=5'))).toBe('sales');
    expect(schemaOfConfig(read('postgresql://db/shop'))).toBeUndefined();
    expect(schemaOfConfig(read({ host: 'db' }))).toBeUndefined();
  });

  it.each([
    ['mysql://ann:hunter2@db/shop', /begins with mysql:\/\//],
    ['prisma+postgres://ann:hunter2@db/shop', /begins with prisma\+postgres:\/\//],
    ['postgres://ann:hunter2#x@db/shop', /node-postgres can parse/],
    [{ connectionString: 'mysql://ann:hunter2@db/shop' }, /`connectionString` of The option `postgres`/],
    [new URL('postgres://ann:hunter2@db/shop'), /an object of class URL/],
    [{ connect: () => undefined, password: 'hunter2' }, /options of a client/],
    [{ url: 'postgres://ann:hunter2@db/shop' }, /`url`, which it calls `connectionString`/],
    [{ host: 'db', username: 'hunter2' }, /`username`, which it calls `user`/],
    ['', /must be a connection string/],
    [7, /the number 7/],
  ])('is refused without its password: %p', (value, expected) => {
    let error: unknown;
    try {
      read(value);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION', message: expect.stringMatching(expected) });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/hunter2/);
  });
});

describe('an address that cannot be parsed', () => {
  it.each([
    'postgres://ann:hunter2#x@db/shop',
    'postgres://ann:12#hunter2@db/shop',
    'postgres://ann:hunter2/x@db/shop',
    'postgres://ann:12/hunter2@db/shop',
    'postgres://ann:hunter2?x@db/shop',
    'postgres://ann:12?hunter2@db/shop',
    'postgres://ann:a@b/hunter2@db/shop',
    'postgres://ann:hunter2@db:port/shop',
    'postgres://ann:hunter2@[::1/shop',
    'ann:hunter2@db/shop',
    'postgres://ann:hunter2%FF@db/shop',
  ])('is refused without its password: %s', (url) => {
    for (const refused of [() => optionsOf({ url }), () => optionsOf({}, { url })]) {
      let error: unknown;
      try {
        refused();
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION' });
      expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/hunter2/);
    }
  });

  it('says which file it names that cannot be read', () => {
    expect(() => optionsOf({ url: 'postgres://db/shop?sslrootcert=/does/not/exist.pem' })).toThrow(
      /ENOENT.*exist\.pem/,
    );
  });
});
