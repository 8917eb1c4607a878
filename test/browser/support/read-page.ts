import type { Locator, Page } from 'playwright-core';

/** The row of a lock, by what it is called. */
export function lockRow(page: Page, title: string): Locator {
  return page.locator('.lock', { has: page.getByRole('heading', { name: title, exact: true }) });
}

/** Each holder or waiter of a lock as one line of text. */
export async function partiesOf(page: Page, title: string, role: 'holder' | 'waiter'): Promise<string[]> {
  const lines = await lockRow(page, title).locator(`.party.${role} > p`).all();
  return Promise.all(lines.map(textOf));
}

/** What of it can be seen, in one line. */
export async function textOf(what: Locator): Promise<string> {
  return (await what.innerText()).replaceAll(/\s+/g, ' ').trim();
}

export async function textsOf(all: Locator): Promise<string[]> {
  return Promise.all((await all.all()).map(textOf));
}

/** By how many pixels the page is wider than the window. */
export function overhangOf(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}
