import { describe, expect, it } from '@jest/globals';
import { hostname } from 'node:os';
import { applicationNameOf, defaultInstanceName, instanceOf } from '../../lib/core/index.js';

const longest = `${'h'.repeat(35)}:4711`;

describe('the application name of a lock connection', () => {
  it.each([
    ['web-1:4711', undefined, 'nestjs-advisory-lock web-1:4711'],
    ['web-1:4711', 'archive', 'nestjs-advisory-lock archive web-1:4711'],
    ['web-1:4711', 'run import of orders', 'nestjs-advisory-lock run import of orders web-1:4711'],
    ['web-1:4711', 'run übung', 'nestjs-advisory-lock run ?bung web-1:4711'],
    [longest, undefined, `nestjs-advisory-lock ${longest}`],
  ])('of %s for %s is read back', (instance, purpose, applicationName) => {
    expect(applicationNameOf(instance, purpose)).toBe(applicationName);
    expect(instanceOf(applicationName)).toBe(instance);
  });

  it('is never longer than Postgres keeps it, and keeps the end of the instance', () => {
    for (const purpose of ['a', 'archive', 'run a-lock-with-a-very-long-name-that-has-no-end']) {
      for (const instance of ['a', 'web-1:4711', longest]) {
        const applicationName = applicationNameOf(instance, purpose);
        expect(applicationName.length).toBeLessThanOrEqual(63);
        expect(instance.endsWith(instanceOf(applicationName) ?? '-')).toBe(true);
      }
    }
    expect(applicationNameOf(longest, 'archive')).toMatch(/^nestjs-advisory-lock archive h+:4711$/);
    expect(applicationNameOf('web-1:4711', 'x'.repeat(63))).toMatch(
      /^nestjs-advisory-lock x{31} web-1:4711$/,
    );
  });

  it.each([undefined, '', 'psql', 'nestjs-advisory-lock', 'nestjs-advisory-locks web-1:1'])(
    'finds no instance in %j',
    (applicationName) => {
      expect(instanceOf(applicationName)).toBeUndefined();
    },
  );

  it('has the host and the process by default', () => {
    expect(defaultInstanceName()).toMatch(new RegExp(`:${process.pid}$`));
    if (/^[!-~]{1,30}$/.test(hostname())) expect(defaultInstanceName()).toContain(hostname());
  });
});
