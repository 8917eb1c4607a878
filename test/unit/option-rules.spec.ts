import { describe, expect, it } from '@jest/globals';
import { WithAdvisoryLock } from 'nestjs-advisory-lock';
import { checkConnectionOptions, checkOptions, lockRules, ownOptions } from '../../lib/core/index.js';
import { splitCronOptions } from '../../lib/jobs/exclusive-cron.decorator.js';
import { type AdvisoryLockModuleOptions, checkModuleOptions } from '../../lib/nest/advisory-lock.options.js';

const refused = { code: 'LOCK_CONFIGURATION' };

/** What the function throws. */
function errorOf(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

class Shared {
  get mode() {
    return 'shared' as const;
  }

  describe(): string {
    return 'a method is no option';
  }
}

class Patient extends Shared {
  readonly waitMs = 5_000;
}

describe('options that are inherited', () => {
  it('are checked, and are what counts', () => {
    expect(checkOptions(new Patient(), lockRules, 'withLock()')).toEqual({ mode: 'shared', waitMs: 5_000 });
    expect(ownOptions(Object.create({ waitMs: 1 }) as object)).toEqual({ waitMs: 1 });
    expect(ownOptions(Object.create(Object.create(null, { waitMs: { get: () => 1 } }) as object))).toEqual({
      waitMs: 1,
    });
  });

  it.each<[string, object]>([
    [
      'of a getter',
      new (class {
        get mode() {
          return 'Shared';
        }
      })(),
    ],
    ['of a prototype', Object.create({ mode: 'Shared' }) as object],
    [
      'of a prototype without a class',
      Object.create(Object.create(null, { mode: { value: 'Shared', enumerable: true } }) as object) as object,
    ],
    [
      'of a getter that is misspelled',
      new (class {
        get modus() {
          return 'shared';
        }
      })(),
    ],
    ['of no name at all', new Map()],
  ])('are refused when they are wrong: %s', (_, options) => {
    expect(errorOf(() => checkOptions(options, lockRules, 'withLock()'))).toMatchObject(refused);
    expect(errorOf(() => WithAdvisoryLock('x', options))).toMatchObject(refused);
  });

  it('reach the timer of a job', () => {
    class Berlin {
      get timeZone() {
        return 'Europe/Berlin';
      }
    }
    expect(splitCronOptions(new Berlin()).cronOptions).toEqual({ timeZone: 'Europe/Berlin' });
  });

  it('reach the module', () => {
    class Options implements AdvisoryLockModuleOptions {
      get namespace() {
        return 'shop';
      }
      get connectionOptions() {
        return { host: 'db' };
      }
    }
    const checked = checkModuleOptions(new Options());
    expect({ ...checked }).toEqual({ namespace: 'shop', connectionOptions: { host: 'db' } });
  });

  it.each([null, 7, 'shared'])('are no options at all: %p', (options) => {
    const act = () => checkOptions(options as unknown as object, lockRules, 'withLock()');
    expect(errorOf(act)).toMatchObject({ ...refused, message: expect.stringContaining('must be an object') });
  });
});

describe('connectionOptions', () => {
  const SECRET = 'postgres://shop:s3cr3t@db/shop';

  it.each<[string, unknown, RegExp]>([
    ['an address in their place', SECRET, /must be an object, such as .*not shown/],
    ['a list', [SECRET], /unknown option `0`/],
    ['an unknown key', { url: SECRET, hots: 's3cr3t' }, /unknown option `hots`.*Known options: url, host/],
    ['an address for a port', { port: SECRET }, /`port`.*not shown/],
    ['a list for a password', { password: ['s3cr3t'] }, /`password`.*an array, which is not shown/],
    ['an address that is an object', { url: { href: SECRET } }, /`url`.*must be a string/],
    ['null', { url: null }, /`url`.*null/],
  ])('refuse %s, and show no password', (_, connectionOptions, message) => {
    const options = { connectionOptions } as unknown as AdvisoryLockModuleOptions;
    const error = errorOf(() => checkModuleOptions(options));
    expect(error).toMatchObject(refused);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('s3cr3t');
  });

  it('take what TypeORM takes', () => {
    const connectionOptions = { url: SECRET, port: '5432' as unknown as number, ssl: {}, extra: {} };
    const password = () => Promise.resolve('x');
    const given = { connectionOptions: { ...connectionOptions, password, connectTimeoutMS: 0 } };
    expect(checkConnectionOptions(given, 'x')).toEqual(given);
    expect(checkConnectionOptions({}, 'x')).toEqual({});
  });
});

describe('the option `fleetSecret`', () => {
  it('is one text or several, and is not shown where it is wrong', () => {
    for (const fleetSecret of ['s3cret', ['new', 'old']])
      expect(checkModuleOptions({ fleetSecret })).toEqual({ fleetSecret });
    for (const fleetSecret of ['', [], ['s3cret', ''], [7], { secret: 's3cret' }] as unknown[]) {
      const error = errorOf(() => checkModuleOptions({ fleetSecret } as AdvisoryLockModuleOptions));
      expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION' });
      expect(String(error)).toContain('`fleetSecret`');
      expect(String(error)).not.toContain('s3cret');
    }
  });
});
