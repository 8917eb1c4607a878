import { beforeAll, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { accessibilityProblems } from './support/axe.js';
import { openPage, PHONE, startBrowser } from './support/browser.js';
import { describeInBrowser } from './support/describe-in-browser.js';
import { eventually } from './support/eventually.js';
import { lockRow, overhangOf, partiesOf, textOf, textsOf } from './support/read-page.js';
import { instance, leases, lock, party, shop, snapshot } from './support/snapshots.js';

describeInBrowser('the page of the dashboard', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });

  it('shows the state of the fleet at a glance', async () => {
    const { page } = await openPage(browser, shop());
    expect(await page.title()).toBe('(4) Locks of shop');
    expect(await textOf(page.locator('.brand'))).toBe('Locks · shop Served by web-1:4711');
    expect(await textOf(page.locator('#health'))).toBe('Healthy');
    expect(await textsOf(page.locator('#counts > div'))).toEqual([
      'locks 7',
      'holders 9',
      'waiters 4',
      'instances 4',
    ]);
    expect(await textsOf(page.locator('#instance-list li'))).toEqual([
      'web-1:4711 serves this page up 2d 4h pids 3121, 3140',
      'web-2:4711 up 2d 4h pids 3127, 3133',
      'web-3:4711 up 6h 12m pids 3130, 3152',
      'worker-1:88 does not respond pid 3160',
    ]);
    expect(await textOf(page.locator('#doctor'))).toMatch(
      /^Doctor checked 21s ago Nothing is wrong\. PostgreSQL/,
    );
  });

  it.each([
    ['light', {}],
    ['dark', { colorScheme: 'dark' }],
    ['light, on a phone', PHONE],
    ['dark, on a phone', { ...PHONE, colorScheme: 'dark' }],
  ] as const)('is accessible (%s)', async (_, options) => {
    const { page } = await openPage(browser, shop(), { ...options, reducedMotion: 'reduce' });
    for (const title of ['daily-report', 'config']) await lockRow(page, title).locator('.disclose').click();
    await page.locator('#waits-words summary').click();
    await page.locator('.job-foot button').first().click();
    await page.getByRole('button', { name: 'Show leases' }).click();
    await page.locator('#lease-panel li').first().waitFor();
    await page.locator('[data-outcome="failed"]').click();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await overhangOf(page)).toBe(0);
  });

  it.each([
    ['light', {}],
    ['dark, on a phone', { ...PHONE, colorScheme: 'dark' }],
  ] as const)('is accessible while it shows errors (%s)', async (_, options) => {
    const problem = 'The database is away.';
    const doctor = {
      isHealthy: false,
      problems: [{ code: 'UNREACHABLE' as const, message: problem }],
      checkedAt: new Date().toISOString(),
    };
    const { page, server } = await openPage(browser, shop(), { ...options, reducedMotion: 'reduce' });
    server.snapshot = snapshot({ problem, doctor });
    await page.locator('#banner').waitFor();
    await lockRow(page, 'order:42').getByRole('button', { name: /^End / }).click();
    await page.locator('#terminate-confirm').click();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await overhangOf(page)).toBe(0);
  });

  it('says so in words when there is nothing to see', async () => {
    const { page } = await openPage(browser, snapshot());
    expect(await textsOf(page.locator('.empty:visible'))).toEqual([
      'No advisory lock is held or waited for.',
      'No lock is waited for.',
      'No job with @ExclusiveCron is known.',
      'No instance is known.',
    ]);
    expect(await accessibilityProblems(page)).toEqual([]);
  });

  it('lists all problems that the doctor finds, and announces them to a screen reader', async () => {
    const { page, server } = await openPage(browser, shop());
    const message = 'The server has 3 connections left of 100.\nRaise max_connections.';
    server.snapshot = snapshot({
      doctor: {
        isHealthy: false,
        problems: [{ code: 'SERVER_CONNECTIONS', message }],
        checkedAt: new Date().toISOString(),
      },
    });
    await eventually(() => textOf(page.locator('#health')), '1 problem');
    expect(await page.locator('.problems').innerText()).toBe(`SERVER_CONNECTIONS\n\n${message}`);
    const announcement = page.locator('#announcement');
    expect(await announcement.textContent()).toBe('The doctor reports 1 problem.');
    server.snapshot = snapshot();
    await eventually(() => announcement.textContent(), 'Healthy.');
  });

  it('shows its age while the server does not respond, and recovers', async () => {
    const { page, server } = await openPage(browser, shop(), {
      expectedComplaint: /Failed to load resource/,
    });
    server.reply = () => 'none';
    await page.locator('#banner').waitFor();
    expect(await textOf(page.locator('#banner'))).toMatch(
      /^The server does not respond\. The locks shown here are \d+s old\. The page keeps trying\.$/,
    );
    expect(await partiesOf(page, 'order:42', 'holder')).toEqual(['web-1:4711 for 1s pid 3121 · 10.0.0.121']);
    server.reply = () => ({ status: 403, message: 'Forbidden resource' });
    await eventually(
      async () => (await textOf(page.locator('#banner'))).split(' The locks shown')[0],
      'The server no longer gives you access (403). It says: Forbidden resource ' +
        'Sign in again, and reload the page.',
    );
    server.snapshot = snapshot({ locks: [lock('import', [party('web-2:4711', 7, { sinceMs: 5_000 })])] });
    await page.locator('#banner').waitFor({ state: 'hidden' });
    expect(await partiesOf(page, 'import', 'holder')).toEqual(['web-2:4711 for 5s pid 7 · 10.0.0.7']);
    expect(await page.locator('#announcement').textContent()).toBe('Healthy.');
  });

  it('keeps showing what was seen of a database that is away, and how old that is', async () => {
    const { page, server } = await openPage(browser, shop());
    server.snapshot = snapshot({
      problem: 'The database is away: connect ECONNREFUSED',
      instances: [instance('web-1:4711', [], 1_000)],
    });
    await page.locator('#banner').waitFor();
    expect(await textOf(page.locator('#banner'))).toMatch(
      /^The database is away: connect ECONNREFUSED\. The locks shown here are \d+s old\./,
    );
    expect(await textOf(page.locator('#health'))).toBe('Problem');
    expect(await partiesOf(page, 'order:42', 'waiter')).toEqual([
      'web-2:4711 waits 1s pid 3133 · 10.0.0.133',
    ]);
    expect(await page.locator('#instance-list li').count()).toBe(1);
    server.snapshot = shop();
    await page.locator('#banner').waitFor({ state: 'hidden' });
  });

  it('loads at first 25 files of 106 kB at most, and what few users need when they need it', async () => {
    const { page, server } = await openPage(browser, shop());
    const loaded = [...server.files];
    expect(loaded.length).toBeLessThanOrEqual(25);
    expect(loaded.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(106_424);
    await lockRow(page, 'order:42').getByRole('button', { name: /^End / }).click();
    await page.getByRole('dialog').waitFor();
    expect(server.files.slice(loaded.length).map(({ path }) => path)).toContain('/terminate-dialog.js');
  });

  it('shows the leases on demand, and asks for them only then', async () => {
    const { page, server } = await openPage(browser, shop(), { timezoneId: 'UTC' });
    server.replyToLeases = () => ({ body: leases(new Date('2026-03-05T14:37:41Z')) });
    expect(server.leaseQuestions).toBe(0);
    const button = page.getByRole('button', { name: 'Show leases' });
    await button.press('Enter');
    const panel = page.locator('#lease-panel');
    await eventually(
      () => textsOf(panel.locator('li')),
      [
        'doc:42 ends in 40s ada, since 13:37:41, until 14:38:21 unless it is extended, fencing token 17',
        `long-${'n'.repeat(115)}… whole name ends in 59m 59s web-2:4711, since 14:37:40, ` +
          'until 15:37:40 unless it is extended, fencing token 18',
      ],
    );
    await button.press('Enter');
    expect(await panel.isVisible()).toBe(false);
    const problem = 'The leases were not listed: there is no table.';
    server.replyToLeases = () => ({ body: { at: new Date().toISOString(), count: 0, leases: [], problem } });
    await button.press('Enter');
    await eventually(() => textsOf(panel.locator('li, p:visible')), [problem]);
  });

  it('sends no request while it is hidden', async () => {
    const { page, server, url } = await openPage(browser, shop());
    const hide = (isHidden: boolean): Promise<unknown> =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${isHidden} });
         document.dispatchEvent(new Event('visibilitychange'))`,
      );
    await page.clock.install();
    await page.goto(`${url}/`);
    await eventually(() => textOf(page.locator('#health')), 'Healthy');
    await hide(true);
    const asked = server.questions.length;
    await page.clock.runFor(60_000);
    expect(server.questions).toHaveLength(asked);
    await hide(false);
    await eventually(() => Promise.resolve(server.questions.length), asked + 1);
    expect(await page.locator('#banner').isVisible()).toBe(false);
  });

  it('follows the color scheme of the system until one is chosen, and remembers the choice', async () => {
    const { page } = await openPage(browser, shop(), { colorScheme: 'dark' });
    const ground = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const [dark, light] = ['rgb(13, 16, 21)', 'rgb(244, 245, 248)'];
    const button = page.getByRole('button', { name: 'Dark mode' });
    expect(await ground()).toBe(dark);
    expect(await button.getAttribute('aria-pressed')).toBe('true');
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await ground()).toBe(light);
    // The page is notified of it a moment after its styles.
    await eventually(() => button.getAttribute('aria-pressed'), 'false');
    await button.click();
    expect(await ground()).toBe(dark);
    await page.reload();
    expect(await ground()).toBe(dark);
    expect(await button.getAttribute('aria-pressed')).toBe('true');
  });

  it('can be walked with a keyboard alone', async () => {
    const { page } = await openPage(browser, shop());
    const focused = (): Promise<string> =>
      page.evaluate(`(() => {
        const { ariaLabel, textContent, id } = document.activeElement;
        return (ariaLabel ?? textContent.trim()) || id;
      })()`);
    const walked: string[] = [];
    for (let step = 0; step < 9; step += 1) {
      await page.keyboard.press('Tab');
      walked.push(await focused());
    }
    expect(walked).toEqual([
      'Skip to the locks',
      'search',
      'Healthy',
      'Dark mode',
      'End web-2:4711, pid 3127 …',
      'Details of daily-report, 2 waiters',
      'End web-1:4711, pid 3121 …',
      'Details of order:42, 1 waiter',
      'End web-3:4711, pid 3130 …',
    ]);
    await page.keyboard.press('/');
    expect(await focused()).toBe('search');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    expect(await focused()).toBe('Locks');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await lockRow(page, 'daily-report').locator('.lock-details').isVisible()).toBe(true);
    const outline = 'getComputedStyle(document.activeElement).outlineStyle';
    expect(await page.evaluate(outline)).toBe('solid');
  });
});
