import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { defer } from '../../support/cleanup.js';

/** One for all tests of a file. Root has no sandbox; what is loaded is our own page. */
export async function startBrowser(): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
  defer(() => browser.close());
  return browser;
}

/**
 * A page in a window of its own. When the test is over it fails if the page complained: of an error, of what its content security policy
 * forbids, or of a request to anywhere but its own server.
 */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith('data:') && new URL(request.url()).origin !== new URL(url).origin) {
      complaints.push(`A request to ${request.url()}`);
    }
  });
  defer(async () => {
    await context.close();
    if (complaints.length > 0) throw new Error(`The page complained:\n${complaints.join('\n')}`);
  });
  await page.goto(url);
  return { page, complaints };
}
