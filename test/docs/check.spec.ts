import { beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = join(root, 'scripts/docs/check.mjs');

function check(...args: string[]): Promise<{ status: number; lines: string[] }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], (error, stdout) => {
      resolve({ status: Number(error?.code ?? 0), lines: stdout.trimEnd().split('\n') });
    });
  });
}

it('finds nothing wrong with the pages of the repository', async () => {
  const { status, lines } = await check();
  expect(lines).toEqual([expect.stringMatching(/^\d+ pages, \d+ snippets: 0 violations$/)]);
  expect(status).toBe(0);
});

describe('in pages that have drifted from the code', () => {
  let found: string[];
  let status: number;

  beforeAll(async () => {
    const copy = await mkdtemp(join(tmpdir(), 'docs-check-'));
    try {
      for (const name of ['scripts', 'node_modules', 'tsconfig.json', 'package.json', 'LICENSE'])
        await symlink(join(root, name), join(copy, name));
      for (const name of ['docs', 'lib']) await cp(join(root, name), join(copy, name), { recursive: true });
      for (const name of ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'])
        await cp(join(root, name), join(copy, name));
      const edit = async (page: string, ...changes: [from: string, to: string][]): Promise<void> => {
        let text = await readFile(join(copy, page), 'utf8');
        for (const [from, to] of changes) {
          expect(text).toContain(from);
          text = text.replace(from, to);
        }
        await writeFile(join(copy, page), text);
      };
      await edit('docs/reference-options.md', ['| `heartbeatMs` | `2_000` |', '| `heartbeatMs` | `3_000` |']);
      await edit('docs/reference-options.md', ['| `maxConnections` |', '| `mostConnections` |']);
      await edit('docs/reference-errors.md', [
        '`LOCK_TIMEOUT` | `LockTimeoutError`',
        '`LOCK_LATE` | `LockTimeoutError`',
      ]);
      await edit('docs/reference-events.md', ['`waitedMs`, `isAborted`', '`waitedMs`']);
      await edit('docs/reference-events.md', [
        '`advisory_lock.lost` | counter',
        '`advisory_lock.lost` | gauge',
      ]);
      await edit('docs/reference-cli.md', [
        '| `--within <time>` | `list`, `why`, `kill`, `jobs`, `pause` | `500ms`',
        '| `--within <time>` | `list` | `5s`',
      ]);
      await edit('docs/reference-cli.md', ['| 76 |', '| 78 |']);
      await edit('docs/locks.md', ["locks.assertHeld('import');", 'locks.assertOwned(1, 2);']);
      await edit('lib/nest/lock-methods.ts', [
        '/**\n   * Like {@link AdvisoryLockService.acquire}',
        '/*\n   * Like',
      ]);
      await writeFile(
        join(copy, 'docs/drifted.md'),
        [
          '# Drifted',
          'See [locks](locks.md#no-such-heading) and [nothing](nothing.md).',
          'Nobody waits; "nobody" may be quoted, and `nobody` is code.',
          `A line that is ${'much '.repeat(25)}too long.`,
          ...Array.from({ length: 300 }, () => '.'),
        ].join('\n'),
      );
      ({ status, lines: found } = await check('--root', copy));
    } finally {
      await rm(copy, { recursive: true });
    }
  });

  it('exits with 1', () => {
    expect(status).toBe(1);
  });

  it.each([
    [
      'a default that differs',
      /^docs\/reference-options\.md:\d+: the default of `heartbeatMs` is 2_000 in the code/,
    ],
    [
      'an option that the code lacks',
      /^docs\/reference-options\.md:\d+: .*`mostConnections` is not in the code/,
    ],
    [
      'an option that the page lacks',
      /^docs\/reference-options\.md:\d+: .*`maxConnections` of the code is missing/,
    ],
    [
      'a code of an error',
      /^docs\/reference-errors\.md:\d+: .*`LOCK_LATE LockTimeoutError` is not in the code/,
    ],
    [
      'a property of an event',
      /^docs\/reference-events\.md:\d+: .*event busy `isAborted` of the code is missing/,
    ],
    [
      'the kind of a metric',
      /^docs\/reference-events\.md:\d+: .*`advisory_lock\.lost gauge` is not in the code/,
    ],
    ['a flag of a command', /^docs\/reference-cli\.md:\d+: .*`why --within` of the code is missing/],
    [
      'the default of a flag',
      /^docs\/reference-cli\.md:\d+: the default of list --within is "500ms" in the code/,
    ],
    ['an exit status', /^docs\/reference-cli\.md:\d+: the exit status `76` of the code is missing/],
    [
      'a snippet that does not compile',
      /^docs\/locks\.md:\d+: TS2339: Property 'assertOwned' does not exist/,
    ],
    ['an anchor', /^docs\/drifted\.md:2: the link locks\.md#no-such-heading leads to/],
    ['a link', /^docs\/drifted\.md:2: the link nothing\.md leads to docs\/nothing\.md, which does not exist/],
    [
      'a method that a class inherits',
      /^lib\/nest\/lock-methods\.ts:\d+: LockMethods\.tryAcquire must have a docstring/,
    ],
    ['a word of the glossary', /^docs\/drifted\.md:3: "Nobody": say/],
    ['a long line', /^docs\/drifted\.md:4: the line has \d+ columns, and 110 are allowed/],
    ['a long page', /^docs\/drifted\.md:301: the page has 304 lines, and 300 are allowed/],
  ])('names file and line of %s', (_what, message) => {
    expect(found.filter((line) => message.test(line))).toHaveLength(1);
  });
});
