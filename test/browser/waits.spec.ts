import { beforeAll, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { openPage, startBrowser } from './support/browser.js';
import { describeInBrowser } from './support/describe-in-browser.js';
import { eventually } from './support/eventually.js';
import { textOf, textsOf } from './support/read-page.js';
import { lock, party, shop, snapshot } from './support/snapshots.js';

/** An arrow as `waiter → blocker (lock)`, read off the drawing: by the boxes that its ends touch. */
function arrowsOf(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(`(() => {
    const boxes = [...document.querySelectorAll('.graph-node')].map((node) => (
      { title: node.dataset.node, ...inSvg(node.querySelector('rect')) }));
    function inSvg(rect) {
      const numberOf = (name) => Number(rect.getAttribute(name));
      const [x, y, width, height] = ['x', 'y', 'width', 'height'].map(numberOf);
      return { left: x, right: x + width, top: y, bottom: y + height };
    }
    const at = ({ x, y }, side) =>
      boxes.find((box) => box[side] === x && box.top < y && y < box.bottom)?.title;
    return [...document.querySelectorAll('.graph-arrow')].map((arrow) => {
      const from = at(arrow.getPointAtLength(0), 'right');
      const to = at(arrow.getPointAtLength(arrow.getTotalLength()), 'left');
      const queues = arrow.classList.contains('queues') ? ', queues' : '';
      return from + ' → ' + to + ' (' + arrow.dataset.lock + queues + ')';
    });
  })()`);
}

describeInBrowser('the wait graph on the page', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });

  it('has an arrow from each waiter to its blocker, and a description in words', async () => {
    const { page } = await openPage(browser, shop());
    expect(await arrowsOf(page)).toEqual([
      'web-1:4711 → web-2:4711 (daily-report)',
      'web-3:4711 → web-2:4711 (daily-report)',
      'web-2:4711 → web-1:4711 (order:42)',
      'psql → web-3:4711 (stock:import)',
    ]);
    await page.getByText('The same in words').click();
    expect(await textsOf(page.locator('#waits-list li'))).toEqual([
      'web-1:4711 (pid 3140) waits 2m 41s for daily-report, which web-2:4711 (pid 3127) holds.',
      'web-3:4711 (pid 3152) waits 48s for daily-report, which web-2:4711 (pid 3127) holds.',
      'web-2:4711 (pid 3133) waits 1s for order:42, which web-1:4711 (pid 3121) holds.',
      'psql (pid 2977) waits 9s for stock:import, which web-3:4711 (pid 3130) holds.',
    ]);
  });

  it('names the calls of a deadlock', async () => {
    const cycle = 'A call in web-1, inside "a", waits for "b"; a call in web-2, inside "b", waits for "a".';
    const { page, server } = await openPage(browser, shop());
    const deadlocks = page.locator('#deadlocks');
    expect(await deadlocks.isVisible()).toBe(false);
    server.snapshot = snapshot({ deadlocks: [cycle] });
    await eventually(() => textOf(deadlocks), `Deadlock: ${cycle}`);
  });

  it('shows chains, readers behind a writer, prepared transactions, lost instances, and cycles', async () => {
    const locks = [
      lock('a', [party('one', 1)], [party('two', 2, { blockedBy: [1] })]),
      lock('b', [party('two', 2)], [party('three', 3, { blockedBy: [2] })]),
      lock(
        'config',
        [party('reader', 11, { mode: 'shared' })],
        [party('writer', 12, { blockedBy: [11] }), party('late', 13, { mode: 'shared', blockedBy: [12] })],
      ),
      lock('prepared', [{ mode: 'exclusive', blockedBy: [] }], [party('four', 4, { blockedBy: [0] })]),
      lock(
        'full',
        [party('five', 5)],
        [{ instance: 'six', mode: 'exclusive', callsWaiting: 2, blockedBy: [] }],
      ),
      lock('x', [party('seven', 7)], [party('eight', 8, { blockedBy: [7] })]),
      lock('y', [party('eight', 8)], [party('seven', 7, { blockedBy: [8] })]),
    ];
    const { page } = await openPage(browser, snapshot({ locks }));
    expect(await arrowsOf(page)).toEqual([
      'two → one (a)',
      'three → two (b)',
      'writer → reader (config)',
      'late → writer (config, queues)',
      'four → a prepared transaction (prepared)',
      'six → five (full)',
      'eight → seven (x)',
      'seven → eight (y)',
    ]);
  });

  it('is redrawn only when a node appears or leaves; otherwise only its times change', async () => {
    const [first] = shop().locks;
    if (first === undefined) throw new Error('No lock');
    const { page, server } = await openPage(browser, snapshot({ locks: [first] }));
    await page.evaluate(`window.drawing = document.querySelector('#graph svg')`);
    const isSame = (): Promise<boolean> =>
      page.evaluate(`window.drawing === document.querySelector('#graph svg')`);
    server.snapshot = snapshot({
      locks: [{ ...first, holders: first.holders.map((each) => ({ ...each, sinceMs: 200_000 })) }],
    });
    await eventually(() => page.locator('.graph-node.holder .graph-time').allTextContents(), ['3m 20s']);
    expect(await isSame()).toBe(true);
    server.snapshot = snapshot({ locks: [{ ...first, waiters: first.waiters.slice(0, 1) }] });
    await eventually(() => page.locator('.graph-arrow').count(), 1);
    expect(await isSame()).toBe(false);
    server.snapshot = snapshot({ locks: [{ ...first, waiters: [] }] });
    await eventually(() => textOf(page.locator('#waits .panel')), 'No lock is waited for.');
  });

  it('stays readable with many waiters, and scrolls inside its frame', async () => {
    const waiters = Array.from({ length: 300 }, (_, index) =>
      party(`web-${index}`, 100 + index, { blockedBy: [1], sinceMs: 300_000 - index }),
    );
    const { page } = await openPage(browser, snapshot({ locks: [lock('hot', [party('one', 1)], waiters)] }));
    expect(await page.locator('.graph-node').count()).toBe(60);
    expect(await textOf(page.locator('#waits-summary'))).toBe(
      'only the longest waits are drawn, in 60 boxes',
    );
    expect(await page.locator('#waits-list li').count()).toBe(300);
    const overlaps = await page.evaluate(`(() => {
      const boxes = [...document.querySelectorAll('.graph-node rect')];
      const rects = boxes.map((box) => box.getBoundingClientRect());
      const overlap = (a, b) =>
        a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
      return rects.filter((a, i) => rects.slice(i + 1).some((b) => overlap(a, b))).length;
    })()`);
    expect(overlaps).toBe(0);
  });
});
