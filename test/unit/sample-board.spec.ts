import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { stripVTControlCharacters } from 'node:util';
import { Board } from '../../sample-app/src/fleet/board.js';
import { LeaderWatch } from '../../sample-app/src/fleet/leader-watch.js';
import { deedOf } from '../../sample-app/src/fleet/log-line.js';

describe('the board of the sample', () => {
  const printed: string[] = [];

  beforeEach(() => {
    printed.length = 0;
    jest.spyOn(console, 'log').mockImplementation((line: string) => {
      printed.push(stripVTControlCharacters(line));
    });
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  const boardOfTwo = () => {
    const board = new Board([
      { name: 'shop-1', port: 3001 },
      { name: 'shop-2', port: 3002 },
    ]);
    const tick = (name: string, outcome: string) => {
      const deed = deedOf({
        level: 'log',
        context: 'DailyReport',
        message: `2026-03-01T03:00:05.000Z ${outcome}`,
      });
      if (!deed) throw new Error('no deed');
      board.show(name, deed);
    };
    return { board, tick };
  };

  it('waits for the end of a run that was claimed', () => {
    const { tick } = boardOfTwo();

    tick('shop-1', 'claimed');
    tick('shop-2', 'skipped');
    expect(printed).toEqual([]);

    tick('shop-1', 'wrote no. 7');
    expect(printed.at(-1)).toMatch(/tick \d\d:00:05 {2}daily report +wrote no\. 7 +skipped$/);
  });

  it('shows the owner of the claim when the instance dies during the run', () => {
    const { board, tick } = boardOfTwo();

    tick('shop-1', 'claimed');
    board.leave('shop-1');
    tick('shop-2', 'skipped');

    expect(printed.at(-1)).toMatch(/daily report +claimed +skipped$/);
  });
});

describe('the hand-over of a leadership', () => {
  it('is reported from the end of the last leader to the beginning of the next', async () => {
    const watch = new LeaderWatch();
    const first = watch.begins('shop-1');

    watch.ends('shop-1', 'stopped leading');
    watch.ends('shop-1', 'was gone');

    const second = watch.begins('shop-2');
    expect(await first).toBe('shop-1 leads');
    expect(await second).toMatch(/^shop-2 leads \(\d+ ms after shop-1 stopped leading\)$/);
    expect(watch.leader).toBe('shop-2');
  });

  it('is reported too when the launcher notices the end a moment later', async () => {
    const watch = new LeaderWatch();
    const first = watch.begins('shop-1');

    const news = watch.begins('shop-2');
    watch.ends('shop-1', 'was gone');

    expect(await news).toBe('shop-2 leads (0 ms after shop-1 was gone)');
    await first;
  });
});
