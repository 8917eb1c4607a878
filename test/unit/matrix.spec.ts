import { describe, expect, it } from '@jest/globals';
import { isGreen, tableOf } from '../matrix/page.js';
import { FURTHEST, hasTypeOrm, majorOf, type Row, ROWS, runsTests } from '../matrix/rows.js';
import type { RowOutcome } from '../matrix/run-row.js';

const versionsOf = (row: Row): string[] => [
  row.runtime.id,
  `PostgreSQL ${majorOf(row)}`,
  `Nest ${row.nest['@nestjs/common'] ?? ''}`,
  hasTypeOrm(row) ? `TypeORM ${row.typeorm['typeorm'] ?? ''}` : 'no TypeORM',
];

describe('the rows of the matrix', () => {
  it('let any two versions of two things meet', () => {
    const rows = ROWS.filter(runsTests).map(versionsOf);
    const things = [0, 1, 2, 3].map((n) => [...new Set(rows.map((versions) => versions[n] ?? ''))]);
    expect(things.map(({ length }) => length)).toEqual([4, 5, 2, 3]);

    const pairs = things.flatMap((some, n) =>
      things.slice(n + 1).flatMap((others) => some.flatMap((one) => others.map((other) => [one, other]))),
    );
    const missing = pairs.filter(
      ([one = '', other = '']) => !rows.some((row) => row.includes(one) && row.includes(other)),
    );
    expect(missing).toEqual([]);
  });

  it('have the one that is furthest from the default', () => {
    expect(ROWS.filter(({ id }) => id === FURTHEST)).toHaveLength(1);
  });
});

describe('the page of the matrix', () => {
  const [row] = ROWS as [Row];
  const passed = { passed: [] };
  const green: RowOutcome = {
    server: '14.23',
    esm: passed,
    cjs: passed,
    tests: { passed: 9, failed: 0, skipped: 0, failures: [] },
  };

  it('has the versions of a row, and what passed', () => {
    expect(isGreen(green)).toBe(true);
    expect(tableOf([{ row, outcome: green }]).split('\n')[2]).toBe(
      '| Node 20.20.2 | 14.23 | 12.5.1 | 0.3.31 | passed | passed | 9 passed |',
    );
  });

  it('has a reason for each cell that is not green', () => {
    const tests = { passed: 8, failed: 1, skipped: 0, failures: ['a lock is free'] };
    const failed: RowOutcome = { ...green, cjs: { passed: ['decorator'], failure: 'TypeError: x' }, tests };
    expect(isGreen(failed)).toBe(false);
    const table = tableOf([
      { row, outcome: failed },
      { row, outcome: undefined },
    ]);
    expect(table).toContain('| passed | failed after decorator (1) | 8 passed, 1 failed (2) |');
    expect(table).toContain('1. No reason is known: TypeError: x\n2. No reason is known: a lock is free');
    expect(table).toContain('not run (3)');
  });
});
