// Takes the pictures of README and docs:
// node --import ./scripts/typescript.mjs test/browser/support/take-pictures.ts docs
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { PageServer } from './page-server.js';
import { outbox, shop } from './snapshots.js';

const NOW = new Date('2026-03-05T14:37:41Z');

interface Picture {
  readonly name: string;
  readonly options: BrowserContextOptions;
  readonly prepare?: (page: Page) => Promise<void>;
}

const desk = { viewport: { width: 1440, height: 900 }, deviceScaleFactor: 2 };
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

async function openJob(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Outbox.flush' }).click();
  await page.locator('.run').first().waitFor();
  await page.getByRole('link', { name: 'All locks and jobs' }).focus();
}

const pictures: readonly Picture[] = [
  { name: 'dashboard-light', options: desk },
  {
    name: 'dashboard-dark',
    options: { ...desk, colorScheme: 'dark' },
    prepare: async (page) => {
      await page.getByRole('button', { name: 'By instance, Outbox.flush' }).click();
      await page.locator('#legend').scrollIntoViewIfNeeded();
      await page.locator('[data-outcome="failed"]').hover();
    },
  },
  { name: 'dashboard-phone-light', options: phone },
  {
    name: 'dashboard-phone-dark',
    options: { ...phone, colorScheme: 'dark' },
    prepare: (page) => page.getByRole('heading', { name: 'Wait graph' }).scrollIntoViewIfNeeded(),
  },
  { name: 'dashboard-job-light', options: desk, prepare: openJob },
  { name: 'dashboard-job-dark', options: { ...desk, colorScheme: 'dark' }, prepare: openJob },
  { name: 'dashboard-job-phone-light', options: phone, prepare: openJob },
  { name: 'dashboard-job-phone-dark', options: { ...phone, colorScheme: 'dark' }, prepare: openJob },
];

const folder = process.argv[2] ?? 'docs';
mkdirSync(folder, { recursive: true });
await using server = new PageServer(shop(NOW));
server.replyToJob = () => ({ body: outbox(NOW) });
const url = await server.start();
await using browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell',
  args: ['--no-sandbox'],
});
for (const { name, options, prepare } of pictures) {
  const context = await browser.newContext({ timezoneId: 'UTC', reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  await page.goto(url);
  await page.locator('.lock').first().waitFor();
  await prepare?.(page);
  await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });
  await context.close();
}
