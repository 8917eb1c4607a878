import { beforeAll, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { openPage, startBrowser } from './support/browser.js';
import { describeInBrowser } from './support/describe-in-browser.js';
import { eventually } from './support/eventually.js';
import { lockRow, textOf, textsOf } from './support/read-page.js';
import { shop } from './support/snapshots.js';

async function ask(page: Page, title: string): Promise<void> {
  await lockRow(page, title).getByRole('button', { name: /^End / }).first().click();
  // It is loaded when it is needed.
  await page.getByRole('dialog').waitFor();
}

describeInBrowser('ending a holder from the page', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });

  it('is not offered where it is not allowed, nor for holders without a backend', async () => {
    const allowed = shop();
    const { page, server } = await openPage(browser, { ...allowed, canTerminate: false });
    expect(await page.locator('.end:visible').count()).toBe(0);
    server.snapshot = {
      ...allowed,
      locks: allowed.locks.map((lock) => ({ ...lock, holders: [{ mode: 'exclusive', blockedBy: [] }] })),
    };
    await eventually(() => textsOf(page.locator('.holder .who')), Array(7).fill('a prepared transaction'));
    expect(await page.locator('.end:visible').count()).toBe(0);
    server.snapshot = allowed;
    await eventually(() => page.locator('.end:visible').count(), 9);
  });

  it('names the holder and the consequences, requires a reason, and sends what was listed', async () => {
    const snapshot = shop();
    const { page, server } = await openPage(browser, snapshot);
    server.replyToTermination = () => ({ body: { ended: [3127] } });
    // The page looks again while the dialog is loaded.
    const looks = server.questions.length;
    await page.route('**/terminate-dialog.js', async (route) => {
      await eventually(() => Promise.resolve(server.questions.length > looks + 1), true);
      await route.continue();
    });
    await ask(page, 'daily-report');
    const dialog = page.getByRole('dialog', { name: 'End this holder?' });
    expect(await textsOf(dialog.locator('.facts > div'))).toEqual([
      'Lock daily-report',
      'Holder web-2:4711',
      'Pid 3127',
      'Address 10.0.0.127',
      'Held for 3m 12s',
    ]);
    expect(await textOf(page.locator('#terminate-meaning'))).toBe(
      'This ends the database connection 3127 of web-2:4711. All its locks are freed: this one, and ' +
        '1 other of those listed here. Code that runs under them is notified that its lock is lost, ' +
        'and other processes can take them. No holder is ended if the lock has changed hands by then.',
    );
    await page.keyboard.press('Enter');
    expect(await textOf(page.locator('#terminate-error'))).toBe('Give a reason: it is written to the logs.');
    expect(server.terminations).toEqual([]);
    await page.keyboard.type('It hangs, see #812');
    await page.keyboard.press('Enter');
    await eventually(
      () => textOf(page.locator('#terminate-outcome')),
      'Ended: pid 3127. Its locks are free.',
    );
    expect(server.terminations).toEqual([
      {
        request: {
          key: snapshot.locks[0]?.key,
          pid: 3127,
          backendId: snapshot.locks[0]?.holders[0]?.backendId,
          reason: 'It hangs, see #812',
        },
        headers: expect.objectContaining({
          'x-requested-with': 'nestjs-advisory-lock',
          'content-type': 'application/json',
        }),
      },
    ]);
    await page.keyboard.press('Enter');
    expect(await dialog.isVisible()).toBe(false);
    expect(await page.evaluate('document.activeElement.ariaLabel')).toBe('End web-2:4711, pid 3127 …');
  });

  it('says that no holder was ended when the lock has changed hands', async () => {
    const { page } = await openPage(browser, shop());
    await ask(page, 'order:42');
    await page.keyboard.type('stuck');
    await page.locator('#terminate-confirm').click();
    await eventually(
      () => textOf(page.locator('#terminate-outcome')),
      'The lock has changed hands meanwhile: no holder was ended.',
    );
  });

  it('says why it could not, and lets one try again', async () => {
    const { page, server } = await openPage(browser, shop(), {
      expectedComplaint: /Failed to load resource/,
    });
    server.replyToTermination = () => ({
      status: 409,
      message: 'The role "shop" may not end backends of "anna".',
    });
    await ask(page, 'order:42');
    await page.keyboard.type('stuck');
    await page.keyboard.press('Enter');
    const error = page.locator('#terminate-error');
    await eventually(
      () => textOf(error),
      'The server responded with an error (409). It says: The role "shop" may not end backends of "anna".',
    );
    server.replyToTermination = () => 'none';
    await page.locator('#terminate-confirm').click();
    await eventually(
      () => textOf(error),
      'The server did not respond: it is not known whether the holder was ended.',
    );
    server.replyToTermination = () => ({ body: { ended: [3121] } });
    await page.locator('#terminate-confirm').click();
    await eventually(
      () => textOf(page.locator('#terminate-outcome')),
      'Ended: pid 3121. Its locks are free.',
    );
  });

  it('is not offered while the server is away, and is when it is there again', async () => {
    const { page, server } = await openPage(browser, shop(), {
      expectedComplaint: /Failed to load resource/,
    });
    server.isAway = true;
    await lockRow(page, 'order:42').getByRole('button', { name: /^End / }).click();
    await page.locator('#banner').waitFor();
    expect(await textOf(page.locator('#banner'))).toMatch(/^The server does not respond\./);
    server.isAway = false;
    await page.locator('#banner').waitFor({ state: 'hidden' });
    await ask(page, 'order:42');
  });

  it('is offered at the second click when what the first one waits for does not come', async () => {
    const { page, server } = await openPage(browser, shop(), {
      expectedComplaint: /Failed to load resource/,
    });
    const end = lockRow(page, 'order:42').getByRole('button', { name: /^End / });
    server.holdsFiles = true;
    await end.click();
    await eventually(() => Promise.resolve(server.waitingForFiles.length), 1);
    await end.click();
    server.holdsFiles = false;
    for (const response of server.waitingForFiles) response.writeHead(503).end();
    await page.getByRole('dialog').waitFor();
  });

  it('is given up with Escape, and stays as it was while the page goes on', async () => {
    const { page, server } = await openPage(browser, shop());
    await ask(page, 'order:42');
    await page.keyboard.type('not su');
    server.snapshot = { ...shop(), locks: [] };
    await eventually(() => page.locator('.lock').count(), 0);
    expect(await page.locator('#terminate-reason').inputValue()).toBe('not su');
    await page.keyboard.press('Escape');
    expect(await page.getByRole('dialog').isVisible()).toBe(false);
    expect(server.terminations).toEqual([]);
  });
});
