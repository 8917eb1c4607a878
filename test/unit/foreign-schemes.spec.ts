import { describe, expect, it } from '@jest/globals';
import { KeyRegistry, type KeyScheme } from '../../lib/core/index.js';

/** The keys of `nightly-report`, unless another name is given, as the other libraries compute them. */
const VECTORS: readonly (readonly [scheme: KeyScheme, key: string, name?: string])[] = [
  ['sha256', '7440995589958059143'],
  ['md5-31', '800677659'],
  ['advisory-lock', '(280642407, -2017152350)'],
  ['medusa', '4157621263'],
  ['with-advisory-lock', '(69980848, 0)'],
  ['distributed-lock', '7635146791061737145'],
  ['distributed-lock', '-2474940688006070273', 'nightly'],
  ['distributed-lock', '-2', 'FFFFFFFFfffffffe'],
  ['distributed-lock', '(3, -1)', '00000003,ffffffff'],
  ['pals', '7635146791061737145'],
  ['pals', '-12255019529090363', 'app.nightly-report'],
  ['django-pglock', '-8663603374018903193'],
  ['django-pglocks', '-2077502800'],
  ['symfony', '2217464496'],
  ['good-job', '-4356550688942722626'],
  ['river', '7426258098360221067'],
  ['river:7', '30133243819'],
];

describe('the key schemes of other libraries', () => {
  it.each(VECTORS)('%s meets its vector %s', (keyScheme, key, name = 'nightly-report') => {
    expect(new KeyRegistry({ keyScheme }).keyOf(name).id).toBe(key);
    expect(new KeyRegistry().keyOf(name, keyScheme).id).toBe(key);
  });

  it('hash what does not fit into nine characters of ASCII', () => {
    const keys = new KeyRegistry({ keyScheme: 'distributed-lock' });
    const pals = new KeyRegistry({ keyScheme: 'pals' });
    for (const name of ['été', '0123456789', '00000003,fffffff', '00000003fffffffg'])
      expect(keys.keyOf(name).value).toBe(pals.keyOf(name).value);
    expect(keys.keyOf('123456789').value).not.toBe(pals.keyOf('123456789').value);
  });

  it('make different locks of one name', () => {
    const keys = new KeyRegistry();
    const ids = VECTORS.filter(([, , name]) => name === undefined).map(
      ([scheme]) => keys.keyOf('nightly-report', scheme).id,
    );
    // DistributedLock and pals have one formula for long names.
    expect(new Set(ids).size).toBe(ids.length - 1);
  });

  it('put the namespace before the name', () => {
    const keys = new KeyRegistry({ namespace: 'app' });
    expect(keys.keyOf('nightly', 'symfony').bits).toBe(
      new KeyRegistry().keyOf('app:nightly', 'symfony').bits,
    );
  });

  it('have the permits of a semaphore', () => {
    const { permits, turn } = new KeyRegistry().permitKeysOf('mail', 2, 'advisory-lock');
    const own = new KeyRegistry({ keyScheme: 'advisory-lock' });
    expect(permits.map(({ id }) => id)).toEqual(['mail', 'mail#1'].map((name) => own.keyOf(name).id));
    expect(turn.id).toBe(own.keyOf('mail#turn').id);
  });

  it('confirm what other instances report', () => {
    const keys = new KeyRegistry();
    const reporter = new KeyRegistry({ keyScheme: 'medusa', namespace: 'shop' });
    const key = reporter.keyOf('import');
    expect(keys.learnReported(key.id, reporter.originOf(key))).toBe('shop:import');
  });
});

describe('a key scheme of the server', () => {
  it('names what the server must compute, and knows the keys after that', () => {
    const keys = new KeyRegistry({ namespace: 'app' });
    expect(keys.unknownKeys(['a', 7, 'b'], 2, 'hashtext')).toEqual({
      scheme: 'hashtext',
      names: ['app:a', 'app:a#1', 'app:a#turn', 'app:b', 'app:b#1', 'app:b#turn'],
    });
    expect(keys.knownKeyOf('a', 'hashtext')).toBeUndefined();
    expect(() => keys.keyOf('a', 'hashtext')).toThrow(/must be computed by the server/);
    keys.learnComputed('hashtext', 'app:a', -5n);
    expect(keys.knownKeyOf('a', 'hashtext')?.id).toBe('-5');
    expect(keys.unknownKeys(['a'], 1, 'hashtext')).toBeUndefined();
    expect(keys.unknownKeys(['a'], 1, 'hashtextextended')?.names).toEqual(['app:a']);
  });

  it('can be the scheme of the module, whose names are pinned before the server was asked', () => {
    const keys = new KeyRegistry({ keyScheme: 'hashtext' });
    keys.pin('job');
    expect(keys.isPinned('job')).toBe(true);
    expect(keys.fullNameOf('job')).toBe('job');
    expect(keys.claimKeyOf('job', 'tick').id).toBe(new KeyRegistry().claimKeyOf('job', 'tick').id);
    keys.learnComputed('hashtext', 'job', 9n);
    expect(keys.nameOf('9')).toBe('job');
    expect(() => {
      keys.check('');
    }).toThrow(/at least one character/);
  });
});
