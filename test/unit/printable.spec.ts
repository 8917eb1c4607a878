import { describe, expect, it } from '@jest/globals';
import {
  isPrintable,
  LockConfigurationError,
  LockKey,
  LockTimeoutError,
  printable,
  printableJson,
  printableLog,
  printableStack,
} from '../../lib/core/index.js';
import { keySql } from '../../lib/cli/key-sql.js';
import { shellWord } from '../../lib/cli/words.js';
import { NameTemplates } from '../../lib/telemetry/name-templates.js';

/** A line of its own, a color, the other direction, a line and a paragraph separator, half of a pair. */
const HOSTILE = 'a\nb\x1B[31m\u202Ec\u2028d\u2029e\x9Bf\uD800';
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/u;

describe('text of others', () => {
  it('stays on its line and in its direction', () => {
    expect(printable(HOSTILE)).toBe('a�b�[31m�c�d�e�f�');
    expect(printable("l'été 🌍 報告")).toBe("l'été 🌍 報告");
    expect([isPrintable(HOSTILE), isPrintable("l'été 🌍")]).toEqual([false, true]);
    // A global expression would begin the next search where the last one ended.
    expect([isPrintable('\n'), isPrintable('\n')]).toEqual([false, false]);
  });

  it('is replaced in the message of an error, and is itself in its lockName', () => {
    const error = new LockTimeoutError(HOSTILE, 5);
    expect(error.message).not.toMatch(UNSAFE);
    expect(error.stack?.split('\n')[0]).toBe(`LockTimeoutError: ${error.message}`);
    expect(error.lockName).toBe(HOSTILE);
    expect(new LockConfigurationError(HOSTILE).message).toBe(printable(HOSTILE));
    expect(LockKey.of(1, HOSTILE).name).toBe(HOSTILE);
  });

  it('is one line of a log, and the frames of a stack are lines', () => {
    const lines: unknown[] = [];
    const write = (...line: unknown[]): void => void lines.push(line);
    const log = printableLog({ debug: write, log: write, warn: write, error: write });
    log.debug('a\nb');
    log.log('a\nb');
    log.warn('a\nb');
    log.error('a\nb', 'Error: a\nb\n    at here (x.js:1:1)\n    at there');
    log.error('a\nb');
    expect(lines).toEqual([
      ['a�b'],
      ['a�b'],
      ['a�b'],
      ['a�b', 'Error: a�b\n    at here (x.js:1:1)\n    at there'],
      ['a�b', undefined],
    ]);
    expect(printableStack('\u202E\n    at x')).toBe('�\n    at x');
  });

  it('is the same value in JSON, without a character that is unsafe', () => {
    const value = { name: `${HOSTILE}\u{E0001}é` };
    const json = printableJson(JSON.stringify(value, null, 2));
    expect(json.replaceAll('\n', '')).not.toMatch(UNSAFE);
    expect(json).toContain('é');
    expect(JSON.parse(json)).toEqual(value);
  });

  it('is an escape in SQL and in an argument to copy', () => {
    const key = LockKey.of(1);
    const statement = keySql(key, "it's\n\\\u202E", 'sha256').key?.statement;
    expect(statement).toContain(String.raw`U&'it''s\+00000a\\\+00202e'`);
    expect(keySql(key, "l'été", 'sha256').key?.statement).toContain(`'l''été'`);
    expect(shellWord("it's\n\\")).toBe(String.raw`$'it\U00000027s\U0000000a\U0000005c'`);
  });

  it('is replaced in the template of a metric', () => {
    expect(new NameTemplates((name) => name === 'a\nb').of('a\nb')).toBe('a�b');
  });
});
