import { describe, expect, it } from '@jest/globals';
import { LockConfigurationError, LockKey } from '../../lib/core/index.js';

const configurationError = (pattern: RegExp): unknown =>
  expect.objectContaining({ code: 'LOCK_CONFIGURATION', message: expect.stringMatching(pattern) });

describe('LockKey', () => {
  it.each<[number | bigint, string]>([
    [0, '0'],
    [42, '42'],
    [-1, '-1'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [2n ** 63n - 1n, '9223372036854775807'],
    [-(2n ** 63n), '-9223372036854775808'],
  ])('takes the 64-bit key %s as it is', (value, text) => {
    const key = LockKey.of(value);
    expect([key.id, key.name, String(key), key.objsubid]).toEqual([text, text, text, 1]);
    expect((BigInt(key.classid) << 32n) | BigInt(key.objid)).toBe(BigInt.asUintN(64, BigInt(value)));
  });

  it.each<[readonly [number, number], number, number]>([
    [[0, 0], 0, 0],
    [[1, 2], 1, 2],
    [[-1, 1], 4294967295, 1],
    [[1, -1], 1, 4294967295],
    [[-(2 ** 31), 2 ** 31 - 1], 2147483648, 2147483647],
  ])('shows the pair %j as pg_locks does', (pair, classid, objid) => {
    const key = LockKey.of(pair);
    expect([key.classid, key.objid, key.objsubid, key.id]).toEqual([
      classid,
      objid,
      2,
      `(${pair.join(', ')})`,
    ]);
    expect(key.value).toEqual(pair);
  });

  it('keeps a bigint and a pair with the same bits apart', () => {
    const pair = LockKey.of([1, 2]);
    const single = LockKey.of((1n << 32n) | 2n);
    expect(pair.bits).toBe(single.bits);
    expect(pair.id).not.toBe(single.id);
  });

  it.each<[unknown, RegExp]>([
    [1.5, /received the number 1.5/],
    [NaN, /the number NaN/],
    [Infinity, /the number Infinity/],
    [2 ** 53, /safe integers/],
    [2n ** 63n, /the bigint 9223372036854775808/],
    [-(2n ** 63n) - 1n, /9223372036854775809/],
    [[1, 2, 3], /the array \[1, 2, 3\]/],
    [[1], /pair/],
    [[1, 2 ** 31], /2147483647/],
    [[1, '2'], /pair/],
    [[1n, 2n], /pair/],
    [null, /null/],
    [{}, /an object of class Object/],
    [undefined, /undefined/],
    [true, /true/],
  ])('refuses %p and says what it expected', (value, pattern) => {
    expect(() => LockKey.of(value as number)).toThrow(LockConfigurationError);
    expect(() => LockKey.of(value as number)).toThrow(configurationError(pattern));
  });
});
