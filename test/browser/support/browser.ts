import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { DashboardSnapshot } from '../../../lib/dashboard/server/dashboard-snapshot.js';
import { defer } from '../../support/cleanup.js';
import { PageServer } from './page-server.js';

/**
 * One for all tests of a file. Root has no sandbox; what is loaded is our own page. The headless shell takes
 * less than half of the CPU time of the whole browser for each page.
 */
export async function startBrowser(): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell',
    args: ['--no-sandbox'],
  });
  defer(() => browser.close());
  return browser;
}

export const PHONE: BrowserContextOptions = {
  viewport: { width: 360, height: 740 },
  isMobile: true,
  hasTouch: true,
};

export interface OpenPageOptions extends BrowserContextOptions {
  /** What is added to the address. */
  readonly query?: string;
  /** What the browser writes to its console where a test breaks something. */
  readonly expectedComplaint?: RegExp;
}

export interface OpenPage {
  readonly page: Page;
  readonly server: PageServer;
  readonly url: string;
}

/**
 * The page in its own window, with its own server. The test fails at its end if the page reported an error,
 * a violation of its content security policy, or a request to any other server.
 */
export async function openPage(
  browser: Browser,
  snapshot: DashboardSnapshot,
  { query = '', expectedComplaint, ...options }: OpenPageOptions = {},
): Promise<OpenPage> {
  const server = new PageServer(snapshot);
  const url = await server.start();
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options });
  const complaints: string[] = [];
  defer(async () => {
    await context.close();
    await server[Symbol.asyncDispose]();
    if (complaints.length > 0) throw new Error(`The page complained:\n${complaints.join('\n')}`);
  });
  const page = await context.newPage();
  const complain = (text: string): void => {
    if (expectedComplaint?.test(text) !== true) complaints.push(text);
  };
  page.on('pageerror', (error) => {
    complain(String(error));
  });
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complain(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith('data:') && !request.url().startsWith(new URL(url).origin)) {
      complain(`A request to ${request.url()}`);
    }
  });
  await page.goto(url + query);
  await page.locator('#counts dd').first().waitFor();
  return { page, server, url };
}
