import { describe, expect, it } from '@jest/globals';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { KeyRegistry, type KeyRegistryOptions, type KeyScheme, type LockName } from '../../lib/core/index.js';

/** The message of what the function throws. */
function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).toMatchObject({ name: 'LockConfigurationError', code: 'LOCK_CONFIGURATION' });
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

describe('KeyRegistry', () => {
  describe.each<[KeyScheme, string, bigint]>([
    ['sha256', 'nightly-report', 7440995589958059143n],
    ['md5-31', 'nightly-report', 800677659n],
  ])('with the scheme %s', (keyScheme, name, key) => {
    it('meets the golden vector', () => {
      expect(new KeyRegistry({ keyScheme }).keyOf(name).value).toBe(key);
    });

    it('puts the namespace before the name, with a colon', () => {
      const prefixed = new KeyRegistry({ keyScheme, namespace: 'shop' }).keyOf(name);
      expect(prefixed.value).toBe(new KeyRegistry({ keyScheme }).keyOf(`shop:${name}`).value);
      expect(prefixed.name).toBe(name);
    });
  });

  it('uses sha256 by default', () => {
    expect(new KeyRegistry().keyOf('nightly-report').id).toBe('7440995589958059143');
  });

  it('takes names of any length and any Unicode character', () => {
    const names = ['a'.repeat(1_000_000), '🔒', 'e\u0301', '\u00e9', '\u0000', ' ', 'ключ', '键'];
    const book = new KeyRegistry();
    expect(new Set(names.map((name) => book.keyOf(name).id)).size).toBe(names.length);
  });

  it('remembers a long name by its beginning and a digest, and tells two of them apart', () => {
    const long = `order:${'a'.repeat(90_000)}`;
    const book = new KeyRegistry({ keyScheme: () => 7n });
    expect(book.keyOf(long).name).toBe(long);
    expect(book.keyOf(long).id).toBe('7');
    expect(book.knownNameOf('7')).toMatch(/^order:a{194}… \(sha256 [0-9a-f]{64}\)$/);
    expect(messageOf(() => book.keyOf(`${long}b`))).toMatch(/both become the key 7/);
  });

  it('remembers no half of a character that the end of the beginning divides', () => {
    const book = new KeyRegistry({ keyScheme: () => 7n });
    book.keyOf(`${'a'.repeat(199)}${'🔒'.repeat(500)}`);
    expect(book.nameOf('7')).not.toMatch(/\p{Surrogate}/u);
  });

  it('keeps no text alive that a remembered name was cut from', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const book = new KeyRegistry();
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let n = 0; n < 24; n += 1) book.keyOf(`${n}:${'x'.repeat(1_000_000)}`.slice(0, 40));
    collect();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(8_000_000);
  });

  it('asks a function of the user for the key, with the namespace in the name', () => {
    const asked: string[] = [];
    const keyScheme: KeyScheme = (name) => {
      asked.push(name);
      return [7, name.length];
    };
    const book = new KeyRegistry({ keyScheme, namespace: 'shop' });
    expect([book.keyOf('import').id, book.keyOf('import').id]).toEqual(['(7, 11)', '(7, 11)']);
    expect(new Set(asked)).toEqual(new Set(['shop:import']));
  });

  it('names the lock when a function of the user returns what is no key', () => {
    const book = new KeyRegistry({ keyScheme: () => 0.5 });
    expect(messageOf(() => book.keyOf('import'))).toMatch(/received the number 0\.5 for the name "import"/);
  });

  it('leaves keys that are given as such alone', () => {
    const book = new KeyRegistry({ namespace: 'shop' });
    expect(book.keyOf(5).value).toBe(5n);
    expect(book.keyOf(5n).value).toBe(5n);
    expect(book.keyOf([5, 6]).value).toEqual([5, 6]);
    expect(book.keyOf('5').value).not.toBe(5n);
    expect(book.keyOf(5).value).toBe(5n);
  });

  it.each<[unknown, RegExp]>([
    ['', /at least one character, received the string ""/],
    ['half \ud83d', /half of a surrogate pair/],
    ['\ude00 half', /half of a surrogate pair/],
    [undefined, /undefined/],
    [null, /null/],
    [{ id: 1 }, /an object of class Object/],
    [() => 'x', /a function/],
    [Symbol('x'), /Symbol\(x\)/],
    [Promise.resolve('x'), /an object of class Promise/],
  ])('refuses the name %p', (name, pattern) => {
    expect(messageOf(() => new KeyRegistry().keyOf(name as string))).toMatch(pattern);
  });

  it('refuses an empty namespace and one with half a surrogate pair', () => {
    expect(messageOf(() => new KeyRegistry({ namespace: '' }))).toMatch(/namespace/);
    expect(messageOf(() => new KeyRegistry({ namespace: '\ud83d' }))).toMatch(/namespace/);
  });

  it('names both names when md5-31 brings them to one key', () => {
    const names = ['order:11573', 'order:52095'] as const;
    const [first, second] = names.map((name) => new KeyRegistry({ keyScheme: 'md5-31' }).keyOf(name).bits);
    expect(first).toBe(second);

    const book = new KeyRegistry({ keyScheme: 'md5-31' });
    book.keyOf(names[0]);
    expect(messageOf(() => book.keyOf(names[1]))).toMatch(/"order:11573" and "order:52095" .* 1445565612/);
    expect(() => book.keyOf(names[0])).not.toThrow();
  });

  it('notices a name that meets a key given as a number', () => {
    const book = new KeyRegistry();
    const { bits } = book.keyOf('import');
    expect(messageOf(() => book.keyOf(bits))).toMatch(new RegExp(`"import" and "${bits}"`));
  });

  it('remembers a name that is used again and again beside many keys', () => {
    const book = new KeyRegistry();
    const { id } = book.keyOf('import');
    for (let key = 0n; key < 5_000n; key += 1n) {
      book.keyOf('import');
      book.keyOf(key);
    }
    expect(book.nameOf(id)).toBe('import');
    expect(messageOf(() => book.keyOf(BigInt(id)))).toMatch(/both become the key/);
  });

  it('forgets the oldest of many names, and still knows their keys', () => {
    const book = new KeyRegistry();
    const before = book.keyOf('first').id;
    for (let n = 0; n < 25_000; n += 1) book.keyOf(`order:${n}`);
    expect(book.keyOf('first').id).toBe(before);
  });

  describe('with a reported origin of a key', () => {
    const reportedName = (
      options: KeyRegistryOptions,
      reporter: KeyRegistryOptions,
      name: LockName,
    ): string | undefined => {
      const [own, other] = [new KeyRegistry(options), new KeyRegistry(reporter)];
      const key = other.keyOf(name);
      const learned = own.learnReported(key.id, other.originOf(key));
      expect(own.knownNameOf(key.id)).toBe(learned);
      return learned;
    };

    it('believes it where the key shows that it is true, and shows it without the own namespace', () => {
      expect(reportedName({}, {}, 'import')).toBe('import');
      expect(reportedName({ namespace: 'shop' }, { namespace: 'shop' }, 'import')).toBe('import');
      expect(reportedName({ namespace: 'shop' }, { namespace: 'archive' }, 'import')).toBe('archive:import');
      expect(reportedName({}, { keyScheme: 'md5-31' }, 'import')).toBe('import');
      const keyScheme = (name: string) => name.length;
      expect(reportedName({ keyScheme }, { keyScheme }, 'import')).toBe('import');
    });

    it('does not believe what it cannot be sure of', () => {
      expect(reportedName({}, { keyScheme: (name) => name.length }, 'import')).toBeUndefined();
      expect(reportedName({}, {}, 42)).toBeUndefined();
      expect(new KeyRegistry().learnReported('1', 'import')).toBeUndefined();
    });

    it('knows which permit it is', () => {
      const [own, other] = [new KeyRegistry(), new KeyRegistry({ namespace: 'shop' })];
      const { permits, turn } = other.permitKeysOf('import', 3);
      expect([...permits, turn].map((key) => own.learnReported(key.id, other.originOf(key)))).toEqual([
        'shop:import',
        'shop:import#1',
        'shop:import#2',
        'shop:import#turn',
      ]);
    });

    it('does not take a name for in use that was only reported', () => {
      const book = new KeyRegistry({ keyScheme: 'md5-31', namespace: 'shop' });
      const key = new KeyRegistry({ keyScheme: 'md5-31' }).keyOf('other');
      expect(book.learnReported(key.id, 'other')).toBe('other');
      expect(book.keyOf(BigInt(key.id)).name).toBe(key.id);
    });
  });
});

describe('what is no name or key', () => {
  const noPrototype = (): unknown => Object.create(null);
  const rejected = (): Promise<never> => Promise.reject(new Error('not found'));
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);

  it('is refused when it is a promise, whose rejection is handled', async () => {
    process.on('unhandledRejection', note);
    const keyScheme = rejected as unknown as KeyScheme;
    expect(messageOf(() => new KeyRegistry({ keyScheme }).keyOf('x'))).toMatch(/class Promise.*`async`/);
    expect(messageOf(() => new KeyRegistry().keyOf(rejected() as unknown as LockName))).toContain('`async`');
    expect(messageOf(() => new KeyRegistry().permitKeysOf(rejected() as unknown as LockName, 2))).toContain(
      '`async`',
    );
    await new Promise(setImmediate);
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('is refused when it has no prototype', () => {
    const registry = new KeyRegistry({ keyScheme: noPrototype as KeyScheme });
    for (const value of [
      noPrototype(),
      [noPrototype(), 1],
      null,
      Symbol('x'),
      () => 1,
      { constructor: null },
    ])
      messageOf(() => new KeyRegistry().keyOf(value as LockName));
    messageOf(() => registry.keyOf('x'));
  });
});
