import type { Locator, Page } from 'playwright-core';

/** The row of a lock, by what it is called. */
export function lockRow(page: Page, title: string): Locator {
  return page.locator('.lock', { has: page.getByRole('heading', { name: title, exact: true }) });
}

/** Each holder or waiter of a lock as one line of text. */
export async function partiesOf(page: Page, title: string, role: 'holder' | 'waiter'): Promise<string[]> {
  return textsOf(lockRow(page, title).locator(`.party.${role} > p`));
}

/** What of it can be seen, in one line. */
export async function textOf(what: Locator): Promise<string> {
  return inOneLine(await what.innerText());
}

/** All at one moment: the page may take one of them away while the others are read. */
export async function textsOf(all: Locator): Promise<string[]> {
  return (await all.allInnerTexts()).map(inOneLine);
}

function inOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** By how many pixels the page is wider than the window. */
export function overhangOf(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}
