import { describe, expect, it } from '@jest/globals';
import { describe as describeValue } from '../../lib/core/index.js';

class Order {
  readonly id = 1;
}

describe('a value in an error message', () => {
  it.each<[unknown, string]>([
    ['x', 'the string "x"'],
    [0, 'the number 0'],
    [7n, 'the bigint 7'],
    [undefined, 'undefined'],
    [null, 'null'],
    [Symbol('s'), 'Symbol(s)'],
    [new Order(), 'an object of class Order'],
    [Object.create(null), 'an object without a class'],
    [{ constructor: 'mine' }, 'an object without a class'],
    [[1, 'a', null], 'the array [1, a, null]'],
    [[Object.create(null), new Order()], 'the array [an object without a class, an object of class Order]'],
    [(): void => undefined, 'a function'],
  ])('%# is shown, and never breaks the message', (value, text) => {
    expect(describeValue(value)).toBe(text);
  });
});
