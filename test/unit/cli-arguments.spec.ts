import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { cli } from '../support/run-cli.js';

describe('--version', () => {
  it.each(['--version', '-v'])('prints the version of the package: %s', async (flag) => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(await cli([flag])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('key', () => {
  it.each([
    ['sha256', '7440995589958059143'],
    ['md5-31', '800677659'],
  ])('prints the key of the scheme %s', async (scheme, key) => {
    const { status, stdout } = await cli(['key', 'nightly-report', '--scheme', scheme]);
    expect(status).toBe(0);
    expect(stdout).toContain(`key       ${key}\n`);
    expect(stdout).toContain(`SELECT pg_try_advisory_lock(${key});`);
  });

  it('warns of a key that a tool is known to use', async () => {
    // By the formula of DistributedLock, 16 hex digits are a key.
    const { stdout } = await cli(['key', '0000000004556d29', '--scheme', 'distributed-lock']);
    expect(stdout).toContain('key       72707369\n');
    expect(stdout).toContain('warning   Prisma Migrate uses this key');
  });
});

describe('a DATABASE_URL that is no address of Postgres', () => {
  const commands = [
    ['list'],
    ['why', 'import'],
    ['kill', 'import', '--yes'],
    ['run', 'import', '--', 'true'],
    ['doctor', '--json'],
  ];

  it.each(commands)('is refused by %s in one line', async (...args) => {
    const url = 'mysql://root:s3cret@127.0.0.1:3306/shop';
    expect(await cli(args, { DATABASE_URL: url })).toEqual({
      status: 64,
      stdout: '',
      stderr:
        'nestjs-advisory-lock: DATABASE_URL must begin with postgres:// or postgresql://, received ' +
        'an address that begins with mysql://.\n',
    });
  });

  it.each(['root:s3cret@127.0.0.1/shop', 's3cret', '/run/s3cret shop'])(
    'is not printed when it has no scheme: %s',
    async (url) => {
      expect(await cli(['list'], { DATABASE_URL: url })).toEqual({
        status: 64,
        stdout: '',
        stderr:
          'nestjs-advisory-lock: DATABASE_URL must begin with postgres:// or postgresql://, received ' +
          'an address without a scheme.\n',
      });
    },
  );

  it.each([
    'postgres://ann:hunter2#x@127.0.0.1/shop',
    'postgres://ann:hunter2/x@127.0.0.1/shop',
    'postgresql://ann:hunter2@127.0.0.1:port/shop',
    'postgresql://ann@127.0.0.1/shop?port=hunter2',
  ])('is refused in one line, without its password, when it cannot be parsed: %s', async (url) => {
    const { status, stdout, stderr } = await cli(['list'], { DATABASE_URL: url });
    expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
    expect(stderr).toMatch(/^nestjs-advisory-lock: DATABASE_URL must .*\n$/);
    expect(stderr).not.toContain('hunter2');
  });

  it('does not keep the key of a name from being printed', async () => {
    const { status } = await cli(['key', 'import'], { DATABASE_URL: 'mysql://127.0.0.1/shop' });
    expect(status).toBe(0);
  });
});

describe('what is printed of arguments', () => {
  const HOSTILE = 'a\nb\x1B[2J\u202Ec\u2028d';
  const UNSAFE = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u;

  it.each([
    ['a command', [HOSTILE]],
    ['an option', ['list', `--${HOSTILE}`]],
    ['a surplus name', ['key', 'import', HOSTILE]],
    ['a program', ['run', 'import', '--', HOSTILE]],
    ['a time', ['list', '--within', HOSTILE]],
  ])('is safe to show, where it is %s', async (_, args) => {
    const { stdout, stderr } = await cli(args);
    expect(stdout + stderr).not.toMatch(UNSAFE);
    expect(stderr).not.toContain('a\nb');
  });
});

describe('wrong arguments', () => {
  it.each([
    [[], 'A command is missing.'],
    [['lock'], 'There is no command "lock".'],
    [['key'], 'The name of the lock is missing.'],
    [['key', ''], 'must be a string of at least one character'],
    [['key', 'a', '--scheme', 'md5'], '--scheme must be one of sha256, md5-31, advisory-lock, medusa, '],
    [['run', 'a'], 'The command is missing: it must follow `--`.'],
    [['run', 'a', 'true', '--', 'true'], 'The command takes one name, received "true" as well.'],
    [['run', 'a', '--wait', 'soon', '--', 'true'], '--wait must be a time such as 500ms, 10s or 2m'],
    [['run', 'a', '--permits', 'some', '--', 'true'], '`permits` of run must be a whole number'],
    [['run', 'a', '--mode', 'open', '--', 'true'], "`mode` of run must be 'exclusive' or 'shared'"],
    [
      ['run', 'a', '--mode', 'shared', '--permits', '2', '--', 'true'],
      '--permits and --mode shared exclude each other',
    ],
    [['list', '--within', '2m'], '--within must be a time from 0s to 60s, received "2m".'],
    [['list', '--watch', '0'], '--watch must be a time from 50ms to 1h, received "0".'],
    [['doctor', '--loud'], "Unknown option '--loud'"],
  ])('%j are reported, with the usage', async (args, message) => {
    const { status, stdout, stderr } = await cli(args);
    expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toContain('Usage: nestjs-advisory-lock');
  });

  it.each([[['--help']], [['run', '--help']], [['key', '-h']]])('%j helps', async (args) => {
    const { status, stdout, stderr } = await cli(args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: nestjs-advisory-lock /);
  });
});
