import { beforeAll, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { openPage, startBrowser } from './support/browser.js';
import { describeInBrowser } from './support/describe-in-browser.js';
import { eventually } from './support/eventually.js';
import { textOf, textsOf } from './support/read-page.js';
import { shop } from './support/snapshots.js';

const now = new Date('2026-03-05T14:37:41Z');
const options = { timezoneId: 'UTC' };

describeInBrowser('the cron jobs on the page', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });

  it('marks each tick at its time, by shape and in words, and shows the next due time', async () => {
    const { page } = await openPage(browser, shop(now), options);
    const job = page.locator('.job').first();
    expect(await textOf(job.locator('.job-head'))).toBe('Outbox.flush * * * * * next in 19s, at 14:38:00');
    expect(await textOf(job.locator('.job-foot'))).toBe('Ran 41s ago on web-1:4711, took 555 ms By instance');
    const marks = job.locator('.tick');
    expect(await marks.count()).toBe(16);
    const labels = await Promise.all(
      (await marks.all()).slice(6, 11).map((mark) => mark.getAttribute('aria-label')),
    );
    expect(labels).toEqual([
      '14:28:00: failed on web-2:4711',
      '14:29:00: ran on web-2:4711',
      '14:30:00: ran on web-3:4711',
      '14:31:00: missed',
      '14:32:00: skipped by all',
    ]);
    const shapes = await page.evaluate(
      `[...document.querySelector('.job').querySelectorAll('.tick use')]
        .map((use) => use.getAttribute('href')).slice(6, 11)`,
    );
    expect(shapes).toEqual(['#icon-failed', '#icon-ran', '#icon-ran', '#icon-missed', '#icon-skipped']);
    expect(await textsOf(page.locator('#legend li'))).toEqual([
      'ran',
      'is running',
      'failed',
      'skipped by all',
      'missed',
    ]);
    expect(await textOf(page.locator('.job').nth(1).locator('.job-foot p'))).toBe(
      'Running since 7m 41s ago on web-3:4711',
    );
  });

  it('puts the marks where their times are', async () => {
    const snapshot = shop(now);
    const [job] = snapshot.jobs;
    if (job === undefined) throw new Error('No job');
    const ticks = [0, 60, 90, 120].map((minutes) => ({
      at: new Date(now.getTime() - (180 - minutes) * 60_000).toISOString(),
      outcome: 'ran' as const,
      instances: [],
    }));
    const { page } = await openPage(browser, { ...snapshot, jobs: [{ ...job, ticks }] }, options);
    const [first, second, third, fourth] = await page.evaluate<[number, number, number, number]>(
      `[...document.querySelectorAll('.tick')].map((mark) => mark.getBoundingClientRect().x)`,
    );
    // An hour, half an hour, and half an hour; each mark keeps a little room to itself.
    expect((second - first) / (third - second)).toBeCloseTo(2, 0);
    expect(fourth - third).toBeCloseTo(third - second, 0);
  });

  it('shows the newest ticks where there is no room for all', async () => {
    const snapshot = shop(now);
    const [job] = snapshot.jobs;
    if (job === undefined) throw new Error('No job');
    const ticks = Array.from({ length: 60 }, (_, n) => ({
      at: new Date(now.getTime() - (60 - n) * 60_000).toISOString(),
      outcome: 'ran' as const,
      instances: [],
    }));
    const narrow = { ...options, viewport: { width: 360, height: 740 } };
    const { page } = await openPage(browser, { ...snapshot, jobs: [{ ...job, ticks }] }, narrow);
    // Two polls: the first makes the row, and the second finds it on the page.
    await eventually(
      () =>
        page.evaluate<boolean>(
          `(({ scrollLeft, scrollWidth, clientWidth }) =>
            scrollWidth > clientWidth && scrollWidth - clientWidth - scrollLeft < 2
          )(document.querySelector('.track'))`,
        ),
      true,
    );
  });

  it('shows the outcome of a tick per instance, by pointer and keyboard, until Escape', async () => {
    const { page } = await openPage(browser, shop(now), options);
    const card = page.getByRole('tooltip');
    const failed = page.locator('[data-outcome="failed"]');
    await failed.hover();
    expect(await textsOf(card.locator('.tick-head, li'))).toEqual([
      '14:28:00 failed',
      'web-2:4711 failed after 5.0 s, 5 ms late connect ETIMEDOUT 10.0.3.9:587',
      'web-1:4711 skipped: the lock was held, 11 ms late',
      'web-3:4711 skipped: the lock was held, 17 ms late',
    ]);
    await page.locator('h1').hover();
    await card.waitFor({ state: 'hidden' });
    await failed.focus();
    expect(await failed.getAttribute('aria-describedby')).toBe('tick');
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight']) await page.keyboard.press(key);
    expect(await textOf(card)).toBe('14:31:00 missed It was due, and no instance has run or skipped it.');
    await page.keyboard.press('Escape');
    expect(await card.isVisible()).toBe(false);
    await page.keyboard.press('End');
    expect(await textOf(card.locator('.tick-head'))).toBe('14:37:00 ran');
  });

  it('shows a lane for each instance on demand', async () => {
    const { page } = await openPage(browser, shop(now), options);
    await page.getByRole('button', { name: 'By instance, Outbox.flush' }).click();
    expect(await textsOf(page.locator('.lane'))).toEqual([
      'web-1:4711 ran 4 times, skipped 11 times',
      'web-2:4711 ran 4 times, failed 1 time, skipped 10 times',
      'web-3:4711 ran 5 times, skipped 10 times',
    ]);
    const apart = await page.evaluate<number[]>(`(() => {
      const [strip, lane] = [...document.querySelector('.job').querySelectorAll('.strip')].map((strip) =>
        [...strip.querySelectorAll('.slot')].map((slot) => slot.getBoundingClientRect().right));
      return strip.map((x, index) => Math.abs(x - lane[index]));
    })()`);
    expect(Math.max(...apart)).toBeLessThan(1.5);
  });

  it('goes on with the tick that follows', async () => {
    const { page, server } = await openPage(browser, shop(now), options);
    server.snapshot = shop(new Date(now.getTime() + 60_000));
    const last = page.locator('.job').first().locator('.tick').last();
    await eventually(() => last.getAttribute('aria-label'), '14:38:00: ran on web-1:4711');
  });
});
