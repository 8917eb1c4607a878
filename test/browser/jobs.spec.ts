import { beforeAll, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { accessibilityProblems } from './support/axe.js';
import { openPage, PHONE, startBrowser } from './support/browser.js';
import { describeInBrowser } from './support/describe-in-browser.js';
import { eventually } from './support/eventually.js';
import { overhangOf, textOf, textsOf } from './support/read-page.js';
import { outbox, shop } from './support/snapshots.js';

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

describeInBrowser('the page of a job', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });

  it('shows the next ticks, the pause and the recorded runs, and has an address', async () => {
    const { page, server, url } = await openPage(browser, shop(now), options);
    server.replyToJob = () => ({ body: outbox(now) });
    const link = page.getByRole('link', { name: 'Outbox.flush' });
    await link.press('Enter');
    const job = page.locator('#job');
    await eventually(
      () => textOf(job.locator('.next-ticks')),
      'in 19s, at 14:38:00 in 1m 19s, at 14:39:00 in 2m 19s, at 14:40:00',
    );
    expect(page.url()).toBe(`${url}?job=Outbox.flush`);
    expect(await page.evaluate('document.activeElement.id')).toBe('job-heading');
    await eventually(() => page.title(), '(4) Outbox.flush · Locks of shop');
    expect(await textOf(job.locator('.pause'))).toBe(
      'Paused for 2m 41s, since 14:35:00, until 14:59:00. By 10.0.8.14, through the dashboard of ' +
        'web-1:4711. Reason: the mail server is away, incident 7',
    );
    expect((await textsOf(job.locator('.run'))).slice(0, 7)).toEqual([
      '14:34:00 is running on demand 3m 40s web-1:4711',
      '14:33:00 ran 437 ms web-2:4711',
      '14:32:00 ran 574 ms web-3:4711',
      '14:31:00 ran 711 ms web-1:4711',
      '14:30:00 ran attempt 2 1.8 s web-2:4711',
      '14:29:00 failed 5.0 s web-3:4711 Error: connect ETIMEDOUT 10.0.3.9:587',
      '14:28:00 ran 1.1 s web-1:4711',
    ]);
    expect(await job.locator('.tick').count()).toBe(16);
    expect(await page.locator('#locks').isVisible()).toBe(false);

    expect(await textsOf(page.locator('#job .next-ticks li'))).toHaveLength(3);

    await page.goBack();
    await page.locator('#locks').waitFor();
    expect(await job.isVisible()).toBe(false);
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Outbox.flush');
    await page.goForward();
    await job.waitFor();
    await page.getByRole('link', { name: 'All locks and jobs' }).click();
    await page.locator('#locks').waitFor();
    expect(page.url()).toBe(url);
    await page.goto(`${url}/?job=Outbox.flush`);
    await eventually(() => job.locator('.run').count(), 24);
  });

  it.each([
    ['light', {}],
    ['dark, on a phone', { ...PHONE, colorScheme: 'dark' }],
  ] as const)('is accessible (%s)', async (_, context) => {
    const { page, server } = await openPage(browser, shop(now), { ...context, reducedMotion: 'reduce' });
    server.replyToJob = () => ({ body: outbox(now) });
    await page.getByRole('link', { name: 'Outbox.flush' }).click();
    await eventually(() => page.locator('.run').count(), 24);
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await overhangOf(page)).toBe(0);
    await page.getByRole('button', { name: 'Run now …' }).click();
    await page.locator('#control-confirm').click();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await overhangOf(page)).toBe(0);
  });

  it('pauses, resumes and runs the job with a reason, where that is allowed', async () => {
    const { page, server } = await openPage(browser, shop(now), options);
    const { pause, ...running } = outbox(now);
    server.replyToJob = () => ({ body: { ...running, canControl: false } });
    await page.getByRole('link', { name: 'Outbox.flush' }).click();
    await eventually(() => page.locator('.run').count(), 24);
    expect(await page.locator('.controls').isVisible()).toBe(false);
    server.replyToJob = () => ({ body: running });
    await page.reload();
    const buttons = page.locator('.controls button:visible');
    await eventually(() => textsOf(buttons), ['Pause …', 'Run now …']);

    await buttons.first().click();
    await page.locator('#control-until').fill('2040-03-05T15:00');
    await page.keyboard.press('Enter');
    expect(await textOf(page.locator('#control-error'))).toBe('Give a reason: it is written to the logs.');
    server.replyToJob = () => ({ body: outbox(now) });
    await page.locator('#control-reason').fill('incident 7');
    await page.keyboard.press('Enter');
    const outcome = page.locator('#control-outcome');
    await eventually(() => textOf(outcome), 'Paused: its next tick is left out in every instance.');
    expect(server.changes.pop()).toEqual({
      action: 'pause',
      request: { job: 'Outbox.flush', reason: 'incident 7', until: '2040-03-05T15:00:00.000Z' },
    });
    await page.keyboard.press('Enter');
    await eventually(() => textsOf(buttons), ['Resume …', 'Run now …']);
    expect(pause).toBeDefined();

    await buttons.first().click();
    await page.keyboard.type('it is over');
    await page.keyboard.press('Enter');
    await eventually(() => textOf(outcome), 'Resumed: it runs at its next tick.');
    await page.keyboard.press('Escape');
    server.replyToChange = () => ({ body: { end: 'failed', message: 'no paper' } });
    await buttons.last().click();
    await page.keyboard.type('why not');
    await page.keyboard.press('Enter');
    await eventually(() => textOf(outcome), 'It failed: no paper');
    expect(server.changes.map(({ action, request }) => [action, request])).toEqual([
      ['resume', { job: 'Outbox.flush', reason: 'it is over' }],
      ['run', { job: 'Outbox.flush', reason: 'why not' }],
    ]);
  });

  it('says so in words when there is nothing to see', async () => {
    const { page, server } = await openPage(
      browser,
      { ...shop(now), jobs: [] },
      {
        ...options,
        query: '?job=x',
        expectedComplaint: /Failed to load resource/,
      },
    );
    const empty = page.locator('#job .empty:visible');
    await eventually(
      () => textsOf(empty),
      [
        'No instance has this job at the moment.',
        'The server responded with an error (404). It says: No such job.',
      ],
    );
    server.replyToJob = ({ name }) => ({
      body: { at: now.toISOString(), name, methods: [], canControl: true, isRecorded: false, runs: [] },
    });
    await page.reload();
    await eventually(
      () => textsOf(empty),
      [
        'The instance that serves this page knows no next tick of it.',
        'No instance has this job at the moment.',
        "Its runs are not recorded: that takes the option historyMs, or tick: 'record'.",
      ],
    );
  });

  it('shows names of any length, and more runs on demand', async () => {
    const name = `<b>${'n'.repeat(3_000)}`;
    const [first] = shop(now).jobs;
    if (first === undefined) throw new Error('No job');
    const job = { ...first, name, method: name };
    const { page, server } = await openPage(browser, { ...shop(now), jobs: [job] }, PHONE);
    const [run] = outbox(now).runs;
    if (run === undefined) throw new Error('No run');
    server.replyToJob = (query) => ({
      body: outbox(now, {
        name: query.name,
        methods: [{ method: name, nextAt: [] }],
        runs: Array.from({ length: query.limit }, (_, attempt) => ({ ...run, attempt, error: name })),
      }),
    });
    await page.locator('.job-head a').click();
    await eventually(() => page.locator('.run').count(), 100);
    const heading = page.locator('#job-heading');
    expect(await heading.locator('bdi').textContent()).toBe(`${name.slice(0, 120)}…`);
    await heading.getByRole('button', { name: 'whole name' }).click();
    expect(await heading.locator('bdi').textContent()).toBe(name);
    await page.getByRole('button', { name: 'Show 1,000' }).click();
    await eventually(() => page.locator('.run').count(), 1_000);
    expect(await overhangOf(page)).toBe(0);
  });
});
