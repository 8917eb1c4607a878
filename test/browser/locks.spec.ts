import { beforeAll, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import type { DashboardSnapshot } from '../../lib/dashboard/server/dashboard-snapshot.js';
import { openPage, PHONE, startBrowser } from './support/browser.js';
import { describeInBrowser } from './support/describe-in-browser.js';
import { eventually } from './support/eventually.js';
import { lockRow, overhangOf, partiesOf, textOf, textsOf } from './support/read-page.js';
import { lock, manyLocks, party, shop, snapshot } from './support/snapshots.js';

describeInBrowser('the locks on the page', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });

  it('shows the holders, since when they hold, and the waiters', async () => {
    const { page } = await openPage(browser, shop());
    expect(await textsOf(page.locator('.lock h3'))).toEqual([
      'daily-report',
      'order:42',
      'stock:import',
      'leader:mailer',
      'config',
      'Prisma Migrate',
      '(12, 77)',
    ]);
    expect(await partiesOf(page, 'daily-report', 'holder')).toEqual([
      'web-2:4711 for 3m 12s pid 3127 · 10.0.0.127',
    ]);
    expect(await partiesOf(page, 'daily-report', 'waiter')).toEqual([
      'web-1:4711 3 calls waits 2m 41s pid 3140 · 10.0.0.140',
      'web-3:4711 waits 48s pid 3152 · 10.0.0.152',
    ]);
    expect(await partiesOf(page, 'config', 'holder')).toEqual([
      'web-1:4711 shared for 14m 0s pid 3121 · 10.0.0.121',
      'web-2:4711 shared for 11m 9s pid 3127 · 10.0.0.127',
      'web-3:4711 shared for at least 4m 37s pid 3130 · 10.0.0.130',
    ]);
    expect(await partiesOf(page, '(12, 77)', 'holder')).toEqual(['legacy pid 2918']);
    expect(await textOf(lockRow(page, 'Prisma Migrate').locator('.lock-what'))).toBe(
      'Prisma Migrate another tool 72707369',
    );
  });

  it('opens to every detail: all forms of the key, the holders and the waiters', async () => {
    const readers = [1, 2, 3, 4, 5].map((pid) => party('web-1:1', pid, { mode: 'shared', sinceMs: 1_000 }));
    const one = {
      ...lock('one', readers),
      key: { id: '-2', classid: 4_294_967_295, objid: 4_294_967_294, objsubid: 1 as const },
    };
    const two = {
      ...lock('two', readers.slice(0, 1)),
      key: { id: '(-1, 7)', classid: 4_294_967_295, objid: 7, objsubid: 2 as const },
    };
    const { page } = await openPage(browser, snapshot({ locks: [one, two] }));
    expect(await partiesOf(page, 'one', 'holder')).toHaveLength(3);
    await page.getByRole('button', { name: 'and 2 more' }).click();
    expect(await partiesOf(page, 'one', 'holder')).toHaveLength(5);
    expect(await textsOf(lockRow(page, 'one').locator('.lock-details > div'))).toEqual([
      'Key -2',
      'In SQL pg_advisory_lock(-2)',
      'In pg_locks classid 4294967295, objid 4294967294, objsubid 1',
    ]);
    await lockRow(page, 'two')
      .getByRole('button', { name: /^Details/ })
      .click();
    expect(await textsOf(lockRow(page, 'two').locator('.lock-details > div'))).toEqual([
      'Key (-1, 7)',
      'In SQL pg_advisory_lock(-1, 7)',
      'In pg_locks classid 4294967295, objid 7, objsubid 2',
    ]);
    expect(await textsOf(lockRow(page, 'two').locator('.party .facts > div'))).toEqual([
      'Application nestjs-advisory-lock web-1:1',
      'Role shop',
      'State idle',
      'Lasts for its session',
    ]);
  });

  it('follows the fleet without reload, and touches nothing that stays', async () => {
    const first = shop();
    const { page, server } = await openPage(browser, first);
    const order = lockRow(page, 'order:42');
    await order.getByRole('button', { name: /^Details/ }).click();
    await page.evaluate(`{
      window.touched = new Set();
      new MutationObserver((changes) => {
        for (const { target } of changes) {
          const row = target.closest?.('.lock');
          window.touched.add(row?.querySelector('h3').textContent ?? target.id);
        }
      }).observe(document.getElementById('lock-list'), { subtree: true, childList: true, attributes: true });
    }`);
    const [daily, order42, ...others] = first.locks;
    if (daily === undefined || order42 === undefined) throw new Error('No locks');
    const waiter = party('web-3:4711', 3_155, { sinceMs: 0, blockedBy: [3_121] });
    server.snapshot = {
      ...first,
      locks: [
        { ...order42, waiters: [...order42.waiters, waiter] },
        daily,
        ...others.slice(0, -1),
        lock('new', [party('web-1:4711', 3_121)]),
      ],
    };
    await eventually(
      () => partiesOf(page, 'order:42', 'waiter'),
      ['web-2:4711 waits 1s pid 3133 · 10.0.0.133', 'web-3:4711 waits 0s pid 3155 · 10.0.0.155'],
    );
    expect(await textsOf(page.locator('.lock h3'))).toEqual([
      'order:42',
      'daily-report',
      'stock:import',
      'leader:mailer',
      'config',
      'Prisma Migrate',
      'new',
    ]);
    expect(await page.evaluate('[...window.touched].sort()')).toEqual(['lock-list', 'order:42']);
    expect(await order.locator('.lock-details').isVisible()).toBe(true);
    expect(await page.evaluate('document.activeElement.ariaLabel')).toBe('Details of order:42, 2 waiters');
  });

  it('gives the focus to the heading when the lock that had it is freed', async () => {
    const { page, server } = await openPage(browser, shop());
    await lockRow(page, 'order:42')
      .getByRole('button', { name: /^Details/ })
      .focus();
    server.snapshot = snapshot();
    await page.locator('#locks-empty').waitFor();
    expect(await page.evaluate('document.activeElement.id')).toBe('locks-heading');
  });

  it('searches, and can be sent as a link', async () => {
    const { locks, ...rest } = shop();
    const { page, server, url } = await openPage(browser, { locks, ...rest });
    server.reply = ({ search }) => {
      const matching = locks.filter(({ name }) => name?.includes(search));
      return { body: { ...rest, locks: matching, counts: { ...rest.counts, matching: matching.length } } };
    };
    await page.keyboard.press('/');
    await page.keyboard.type('daily');
    await eventually(() => textsOf(page.locator('.lock h3')), ['daily-report']);
    expect(await textOf(page.locator('#locks-summary'))).toBe('1 of 7 locks match');
    expect(page.url()).toBe(`${url}?search=daily`);
    await page.keyboard.type('x');
    await eventually(
      () => textsOf(page.locator('#locks .empty:visible')),
      ['No lock that is held or waited for matches “dailyx”.'],
    );
    await page.goto(`${url}?search=order%3A4`);
    await eventually(() => textsOf(page.locator('.lock h3')), ['order:42']);
    expect(await page.getByRole('searchbox').inputValue()).toBe('order:4');
    await page.getByRole('searchbox').fill('');
    await eventually(() => page.locator('.lock').count(), 5);
    expect(page.url()).toBe(url);
  });

  it.each([
    ['on a desk', {}],
    ['on a phone', PHONE],
  ])('shows hostile names as the texts that they are (%s)', async (_, options) => {
    const names = [
      '<img src=x onerror="alert(1)">',
      '"><script>alert(1)</script>',
      '{{base}} ${alert(1)}',
      `long-${'abcdefghij'.repeat(90)}`,
      '👩‍👩‍👧‍👦 🔒 家族の鍵',
      'תשלום:42 \u202egnp.exe',
      'two\nlines\tand a tab',
    ];
    const locks = names.map((name, index) =>
      lock(
        name,
        [party(name, 100 + index, { applicationName: name, user: name, state: name, sinceMs: 1_000 })],
        [party(undefined, 200 + index, { applicationName: name, blockedBy: [100 + index] })],
      ),
    );
    const tick = { at: new Date(Date.now() - 60_000).toISOString(), outcome: 'failed' as const };
    const jobs = names.map((name) => ({
      name,
      method: name,
      schedule: name,
      ticks: [{ ...tick, instances: [{ instance: name, outcome: 'failed' as const, error: name }] }],
    }));
    const instances = names.map((name) => ({ name, backends: [1], isSilent: true }));
    const { page } = await openPage(
      browser,
      snapshot({
        locks,
        jobs,
        instances,
        instance: names[3] ?? '',
        database: names[0] ?? '',
        canTerminate: true,
      }),
      options,
    );
    page.on('dialog', () => {
      throw new Error('A name was run');
    });
    const clipped = names.map((name) => (name.length > 120 ? `${name.slice(0, 120)}…` : name));
    expect(await page.locator('.lock h3').allTextContents()).toEqual(clipped);
    for (const toggle of await page.locator('.disclose').all()) await toggle.click();
    expect(await page.locator('.lock h3').allTextContents()).toEqual(names);
    for (const mark of await page.locator('.tick').all()) await mark.click();
    await page.locator('.end').first().click();
    expect(await overhangOf(page)).toBe(0);
    expect(await page.locator('main img, main script').count()).toBe(0);
  });

  it('clips names over 120 characters, and shows the whole on demand', async () => {
    const named = (name: string): DashboardSnapshot => {
      const holder = party(name, 100, { sinceMs: 1_000 });
      const waiter = party(name, 101, { sinceMs: 1_000, blockedBy: [100] });
      const ticks = [{ at: '2026-03-05T14:37:00Z', outcome: 'ran' as const, instances: [] }];
      return snapshot({
        locks: [lock(name, [holder], [waiter])],
        jobs: [{ name, method: name, schedule: name, ticks }],
        instances: [{ name, backends: [100], isSilent: true }],
        canTerminate: true,
      });
    };
    const height = 'document.documentElement.scrollHeight';
    const [short, long] = ['n'.repeat(120), 'n'.repeat(3_000)];
    const { page, server } = await openPage(browser, named(short), PHONE);
    await page.locator('#waits-words summary').click();
    const before = await page.evaluate<number>(height);
    server.snapshot = named(long);
    const title = page.locator('.lock h3');
    await eventually(() => title.allTextContents(), [`${short}…`]);
    // The rows are those of before, and a line each for the button.
    expect(await page.evaluate<number>(height)).toBeLessThan(before + 200);

    const instance = page.locator('#instance-list li');
    const whole = instance.getByRole('button', { name: 'whole name' });
    await whole.press('Enter');
    expect(await instance.locator('bdi').textContent()).toBe(long);
    await whole.press('Enter');
    expect(await instance.locator('bdi').textContent()).toBe(`${short}…`);
    await page.locator('.disclose').click();
    expect(await title.textContent()).toBe(long);
    await page.locator('.end').first().click();
    await page.getByRole('dialog').waitFor();
    const [name] = await page.getByRole('dialog').locator('dd bdi').allTextContents();
    expect(name).toBe(`${short}…`);
    expect(await overhangOf(page)).toBe(0);
  });

  it('lists the first of ten thousand locks, and more on demand', async () => {
    const { page, server } = await openPage(browser, manyLocks(10_000, 200));
    server.reply = ({ limit }) => ({ body: manyLocks(10_000, limit) });
    expect(await page.locator('.lock').count()).toBe(200);
    expect(await textOf(page.locator('#locks-more-text'))).toBe(
      '200 of 10,000 are listed, those with waiters first. Search to narrow them down.',
    );
    for (const limit of [500, 1_000, 2_000]) {
      await page.locator('#locks-more-button').click();
      await eventually(() => page.locator('.lock').count(), limit);
    }
    expect(await page.locator('#locks-more-button').isVisible()).toBe(false);
    expect(server.questions.at(-1)?.limit).toBe(2_000);
    await page.keyboard.press('/');
    await page.keyboard.type('order:1999');
    await eventually(() => Promise.resolve(server.questions.at(-1)?.search), 'order:1999');
  });
});
