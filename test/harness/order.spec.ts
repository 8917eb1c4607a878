import { describe, expect, it } from '@jest/globals';

/** JavaScript: Jest loads it before it can compile. */
const sequencer = 'unit-last-sequencer.mjs';

describe('the order of the spec files', () => {
  it('has those of the project "unit" at the end, and begins with the largest of the others', async () => {
    const { default: Sequencer } = (await import(`../support/${sequencer}`)) as {
      default: new (options: object) => { sort(tests: object[]): { path: string }[] };
    };
    const test = (project: string, size: number) => {
      const path = `${project}/${size}`;
      const config = { displayName: { name: project }, cacheDirectory: '/none', id: 'none' };
      return { path, context: { config, hasteFS: { getSize: () => size } } };
    };
    const files = [test('unit', 9), test('e2e', 1), test('unit', 5), test('faults', 7), test('e2e', 8)];

    const sorted = new Sequencer({ contexts: [], globalConfig: {} }).sort(files);

    expect(sorted.map(({ path }) => path)).toEqual(['e2e/8', 'faults/7', 'e2e/1', 'unit/9', 'unit/5']);
  });
});
