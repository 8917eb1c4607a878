import { describe, expect, it } from '@jest/globals';
import { shellWord } from '../../lib/cli/words.js';
import { printable } from '../../lib/core/index.js';
import { fitting } from '../../lib/cli/screen.js';
import { tableOf } from '../../lib/cli/table.js';

type Row = readonly [name: string, state: string, by: string];

const columns = [
  { title: 'LOCK', text: ([name]: Row) => name, minWidth: 6 },
  { title: 'STATE', text: ([, state]: Row) => state },
  { title: 'BY', text: ([, , by]: Row) => by, minWidth: 6 },
];

describe('a table', () => {
  it('is as narrow as its content', () => {
    expect(tableOf(columns, [['import', 'held', 'web-1']], 80)).toEqual([
      'LOCK    STATE  BY',
      'import  held   web-1',
    ]);
  });

  it('is cut to the width, the longest column first', () => {
    const rows: Row[] = [['a-lock-with-a-long-name', 'held', 'web-1:4711']];
    expect(tableOf(columns, rows, 31)).toEqual([
      'LOCK          STATE  BY',
      'a-lock-with…  held   web-1:4711',
    ]);
    expect(tableOf(columns, rows, 21)).toEqual(['LOCK    STATE  BY', 'a-loc…  held   web-1…']);
  });

  it('is never wider, even when no more can be cut', () => {
    for (const line of tableOf(columns, [['import', 'held', 'web-1:4711']], 12)) {
      expect(line.length).toBeLessThanOrEqual(12);
    }
  });

  it('keeps its columns under each other with wide characters', () => {
    expect(
      tableOf(
        columns,
        [
          ['🌍 été', 'held', 'web-1'],
          ['報告', 'held', 'web-2'],
        ],
        80,
      ),
    ).toEqual(['LOCK    STATE  BY', '🌍 été  held   web-1', '報告    held   web-2']);
    expect(tableOf(columns, [['報告報告報告', 'held', 'web-1']], 20)[1]).toBe('報告…   held   web-1');
  });

  it('lets no name write on the terminal', () => {
    expect(tableOf(columns, [['a\x1b[2J\nb', 'held', 'web-1']], 80)[1]).toBe('a�[2J�b  held   web-1');
  });
});

describe('on a terminal', () => {
  it('what does not fit is counted, and the last line stays', () => {
    const lines = ['title', '1', '2', '3', '4', 'all'];
    expect(fitting(lines, 6)).toEqual(lines);
    expect(fitting(lines, 4)).toEqual(['title', '1', '… and 3 more', 'all']);
  });
});

describe('untrusted text', () => {
  it('stays on its line, and in its direction', () => {
    expect(printable('a\u202Eb\u2028c\td\u009B')).toBe('a�b�c�d�');
    expect(printable("l'été 🌍")).toBe("l'été 🌍");
  });

  it.each([
    ['daily-report', 'daily-report'],
    ['order:42', 'order:42'],
    ["l'été", String.raw`'l'\''été'`],
    ['-rf', "'-rf'"],
    ['', "''"],
    ['a b', "'a b'"],
  ])('%j is %s to a shell', (text, word) => {
    expect(shellWord(text)).toBe(word);
  });
});
