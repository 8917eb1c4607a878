import { describe, expect, it } from '@jest/globals';
import { drawChart } from '../bench/scale/chart.js';
import {
  type Cell,
  fasterThanLinear,
  type Figures,
  figuresBetween,
  growths,
  type MeasuredCell,
} from '../bench/scale/figures.js';
import { toMarkdown } from '../bench/scale/markdown.js';
import { StatementCounter } from '../bench/scale/statement-counter.js';

const NOTHING = { serverCpu: 0, instanceCpu: 0, statements: 0, bytes: 0, turns: 0, runs: 0 };

function cellOf(instances: number, figures: Partial<Figures>, cell: Partial<Cell> = {}): MeasuredCell {
  return { instances, jobs: 10, load: 'idle', ...cell, figures: { ...NOTHING, ...figures } };
}

describe('the figures of a fleet', () => {
  it('are those of the time between two readings', () => {
    const before = {
      atMs: 1_000,
      serverCpuMs: 300,
      instancesCpuMs: 100,
      statements: 50,
      bytes: 1_000,
      turns: 3,
      runs: 5,
    };
    const after = {
      atMs: 3_000,
      serverCpuMs: 1_300,
      instancesCpuMs: 500,
      statements: 90,
      bytes: 5_000,
      turns: 13,
      runs: 6,
    };
    expect(figuresBetween(before, after, 4)).toEqual({
      serverCpu: 0.5,
      instanceCpu: 0.05,
      statements: 20,
      bytes: 2_000,
      turns: 5,
      runs: 0.5,
    });
  });
});

describe('the growth of a cost', () => {
  it('is the power of the number of instances with which it grows', () => {
    const cells = [cellOf(50, { statements: 5_000 }), cellOf(10, { statements: 200 })];
    const [growth] = growths(cells);
    expect(growth).toMatchObject({ title: 'statements', from: { instances: 10 }, to: { instances: 50 } });
    expect(growth?.exponent).toBeCloseTo(2);
  });

  it('compares each fleet with the next larger one that does the same', () => {
    const cells = [1, 10, 50].flatMap((size) => [
      cellOf(size, { bytes: 1_000 * size }),
      cellOf(size, { bytes: 1_000 * size }, { load: 'hot' }),
      cellOf(size, { bytes: 1_000 * size }, { jobs: 100 }),
    ]);
    const found = growths(cells);
    expect(found).toHaveLength(6);
    for (const { from, to, exponent } of found) {
      expect([from.load, from.jobs]).toEqual([to.load, to.jobs]);
      expect(exponent).toBeCloseTo(1);
    }
    expect(found.map(({ from, to }) => `${from.instances} ${to.instances}`).sort()).toEqual([
      ...Array<string>(3).fill('1 10'),
      ...Array<string>(3).fill('10 50'),
    ]);
    expect(fasterThanLinear(cells)).toEqual([]);
  });

  it('counts the CPU of all instances', () => {
    const flat = [cellOf(1, { instanceCpu: 0.02 }), cellOf(10, { instanceCpu: 0.02 })];
    expect(growths(flat)[0]).toMatchObject({ title: 'CPU of all instances', exponent: expect.closeTo(1) });
    const growing = [cellOf(1, { instanceCpu: 0.02 }), cellOf(10, { instanceCpu: 0.2 })];
    expect(fasterThanLinear(growing)).toMatchObject([{ exponent: expect.closeTo(2) }]);
  });

  it('is not named when it is within what measurements differ by, or began with next to nothing', () => {
    expect(fasterThanLinear([cellOf(1, { statements: 10 }), cellOf(10, { statements: 130 })])).toEqual([]);
    expect(growths([cellOf(1, { serverCpu: 0.001 }), cellOf(10, { serverCpu: 0.5 })])).toEqual([]);
  });

  it('is named with the fastest first', () => {
    const cells = [cellOf(1, { statements: 1, bytes: 100 }), cellOf(10, { statements: 50, bytes: 10_000 })];
    expect(fasterThanLinear(cells).map(({ title }) => title)).toEqual(['bytes', 'statements']);
    expect(toMarkdown(cells)).toContain('- bytes, 10 jobs, idle, from 1 to 10 instances: n^2.0');
  });
});

describe('the report', () => {
  it('is a table with a row for each fleet', () => {
    const figures = { serverCpu: 0.1234, instanceCpu: 0.0123, statements: 4_321.5, bytes: 99, turns: 7 };
    const lines = toMarkdown([cellOf(10, figures, { load: 'hot' })]).split('\n');
    expect(lines[2]).toBe('| 10 | 10 | hot | 12 % | 1.23 % | 4,322 | 99 | 7 |');
    expect(lines.at(-1)).toBe('Nothing grows faster than the number of instances.');
  });

  it('has a chart in which nothing is NaN, also when a figure is 0', () => {
    const figures = { serverCpu: 0.5, instanceCpu: 0, statements: 300, bytes: 9_000 };
    const chart = drawChart([1, 10, 200].map((size) => cellOf(size, figures)));
    expect(chart).toContain('prefers-color-scheme: dark');
    expect(chart).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('the counter of statements', () => {
  const message = (type: string, body = ''): Buffer => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(4 + body.length);
    return Buffer.concat([Buffer.from(type), head, Buffer.from(body)]);
  };
  const untyped = (code: number, body = ''): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(8 + body.length);
    head.writeUInt32BE(code, 4);
    return Buffer.concat([head, Buffer.from(body)]);
  };
  const session = Buffer.concat([
    untyped(80_877_103),
    untyped(196_608, 'user\0Q\0'),
    message('p', 'a password, QE'),
    message('Q', 'SELECT 1'),
    message('P', 'QQQ'),
    message('B', 'EEE'),
    message('E', 'portal'),
    message('S'),
    message('Q', ''),
    message('X'),
  ]);

  it.each([1, 3, 7, session.length])('reads a session in pieces of %i bytes', (size) => {
    const counter = new StatementCounter();
    for (let from = 0; from < session.length; from += size) counter.read(session.subarray(from, from + size));
    expect(counter.count).toBe(3);
  });
});
