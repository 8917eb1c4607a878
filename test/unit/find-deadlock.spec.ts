import { describe, expect, it } from '@jest/globals';
import { findDeadlock, type WaitDependencies } from '../../lib/core/index.js';

type Graph = Readonly<Record<string, readonly string[]>>;

/** `'a': ['b', 'c d']`: a waits for two holders; the second cannot go on without c and d. */
function find(start: string, all: Graph, any: Graph = {}): string | undefined {
  const dependenciesOf = (wait: string): WaitDependencies<string> => ({
    holders: (all[wait] ?? any[wait] ?? []).map((holder) => holder.split(' ').filter((one) => one !== '')),
    isOneEnough: any[wait] !== undefined,
  });
  return findDeadlock(start, dependenciesOf)?.join('');
}

describe('a search for a deadlock', () => {
  it('finds a cycle, and the shortest of several', () => {
    expect(find('a', { a: ['b'], b: ['a'] })).toBe('ab');
    expect(find('a', { a: ['b'], b: ['c'], c: ['a'] })).toBe('abc');
    expect(find('a', { a: ['b', 'd'], b: ['c'], c: ['a'], d: ['a'] })).toBe('ad');
    expect(find('a', { a: ['a'] })).toBe('a');
  });

  it('finds none where waits end by themselves, or the cycle is that of others', () => {
    expect(find('a', { a: ['b'], b: [''] })).toBeUndefined();
    expect(find('a', { a: [] })).toBeUndefined();
    expect(find('a', { a: ['b'], b: ['c'], c: ['b'] })).toBeUndefined();
  });

  it('finds that a writer waits for all readers', () => {
    expect(find('writer', { writer: ['', 'reader', ''], reader: ['writer'] })).toBe('writerreader');
  });

  it('finds that a waiter for permits waits for any of the holders', () => {
    expect(find('a', { b: ['a'], c: ['a'] }, { a: ['b', 'c'] })).toBe('ab');
    expect(find('a', { b: ['a'], c: [''] }, { a: ['b', 'c'] })).toBeUndefined();
    expect(find('a', { b: ['a'] }, { a: ['b', ''] })).toBeUndefined();
    expect(find('b', { b: ['a'], c: ['b'] }, { a: ['b', 'c'] })).toBe('ba');
  });

  it('counts a holder as stuck when one of its branches is', () => {
    expect(find('a', { a: ['x b'], x: [''], b: ['a'] })).toBe('ab');
  });
});
