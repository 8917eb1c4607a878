import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { useTestDatabase } from '../support/test-database.js';
import { installConsumer, linkConsumer, packLibrary, run, type Tarball, TSC } from './consumer.js';

const INSTALL_MS = 240_000;
const COMPILE_MS = 90_000;

const database = useTestDatabase();
let folder: string;
let tarball: Tarball;
let esmApp: string;
let commonJsApp: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'package-test-'));
  tarball = await packLibrary(folder);
  [esmApp, commonJsApp] = await Promise.all([
    linkConsumer('nest12-esm', tarball, folder),
    installConsumer('nest11-commonjs', tarball, folder),
  ]);
}, INSTALL_MS);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

it('packs both builds, the readme and the licence, and nothing else', () => {
  const others = tarball.files.filter((path) => !path.startsWith('dist/'));

  expect(others.sort()).toEqual(['LICENSE', 'README.md', 'package.json']);
  expect(tarball.files.filter((path) => path.includes('tsconfig'))).toEqual([]);
  expect(tarball.files).toEqual(
    expect.arrayContaining([
      'dist/cjs/index.d.ts',
      'dist/cjs/index.js',
      'dist/cjs/package.json',
      'dist/esm/index.d.ts',
      'dist/esm/index.js',
    ]),
  );
  const page = (half: string) =>
    tarball.files.filter((path) => path.startsWith(`dist/${half}/dashboard/page/`));
  const served = readdirSync(new URL('../../lib/dashboard/page', import.meta.url)).filter(
    (name) => !name.endsWith('.json'),
  );
  for (const half of ['cjs', 'esm'])
    expect(page(half).sort()).toEqual(served.map((name) => `dist/${half}/dashboard/page/${name}`).sort());
});

describe('in a Nest 12 application of ES modules', () => {
  it.each([
    ['5.9', () => join(commonJsApp, 'node_modules/typescript/bin/tsc')],
    ['6.0', () => TSC],
    ['7.0', () => join(commonJsApp, 'node_modules/typescript-7.0/bin/tsc')],
  ])(
    'compiled by TypeScript %s, methods, locks by hand and cron jobs of either half run under their lock',
    async (version, compiler) => {
      const outDir = `dist-${version}`;
      expect(await run(esmApp, process.execPath, [compiler(), '--version'])).toContain(version);
      await run(esmApp, process.execPath, [compiler(), '--outDir', outDir]);
      const seen = await run(esmApp, process.execPath, [`${outDir}/main.js`], { DATABASE_URL: database.url });

      expect(JSON.parse(seen)).toEqual({
        refusal: 'LOCK_UNAVAILABLE',
        decorated: { id: '7', locksInPostgres: 1 },
        decoratedByTheCommonJsHalf: 1,
        byHand: 1,
        cronRuns: [1],
        locksAfterwards: 0,
        halvesAreTwoModules: true,
        sameToken: true,
        sameNamedToken: true,
        serviceByTheOtherToken: true,
        serviceByTheOtherClass: true,
        errorOfTheOtherClass: true,
        dashboards: [1, 1],
      });
    },
    COMPILE_MS,
  );

  it(
    'the test double works in the test runner of Node',
    async () => {
      await run(esmApp, process.execPath, ['--test', 'src/testing.test.mjs']);
    },
    COMPILE_MS,
  );
});

describe('in a Nest 11 application of CommonJS modules', () => {
  it('the package loads neither TypeORM nor node-postgres before it needs them', async () => {
    const script = `
      require('nestjs-advisory-lock');
      require('nestjs-advisory-lock/dashboard');
      const isUnwanted = (path) => /node_modules.(typeorm|pg)[^-\\w]/.test(path);
      console.log(Object.keys(require.cache).filter(isUnwanted).length);
    `;
    expect(await run(commonJsApp, process.execPath, ['-e', script])).toBe('0\n');
  });

  it(
    'the types compile',
    async () => {
      await run(commonJsApp, process.execPath, ['node_modules/typescript/bin/tsc']);
    },
    COMPILE_MS,
  );

  it(
    'decorated methods, locks by hand, cron jobs and timers run under their lock, tested with plain jest',
    async () => {
      const jest = ['node_modules/jest/bin/jest.js', '--json', '--outputFile=report.json'];
      await run(commonJsApp, process.execPath, jest, { DATABASE_URL: database.url });

      const report: unknown = JSON.parse(await readFile(join(commonJsApp, 'report.json'), 'utf8'));
      expect(report).toMatchObject({ success: true, numPassedTests: 9, numTotalTests: 9 });
    },
    COMPILE_MS,
  );
});

describe('the command line of the package', () => {
  const cli = (...args: string[]) => {
    const bin = join(commonJsApp, 'node_modules/.bin/nestjs-advisory-lock');
    return run(commonJsApp, bin, args, { DATABASE_URL: database.url });
  };

  it('has all commands', async () => {
    const commands = [...(await cli('--help')).matchAll(/^ {2}(\w+) /gm)].map(([, name = '']) => name);
    const usages = await Promise.all(commands.map((command) => cli(command, '--help')));
    expect(usages.map((usage) => usage.split(' ').slice(0, 3))).toEqual(
      commands.map((command) => ['Usage:', 'nestjs-advisory-lock', command]),
    );
    expect(commands).toEqual(expect.arrayContaining(['key', 'list', 'run', 'trigger']));
  });

  it('prints its version', async () => {
    const { version } = JSON.parse(
      await readFile(join(commonJsApp, 'node_modules/nestjs-advisory-lock/package.json'), 'utf8'),
    ) as { version: string };
    expect(await cli('--version')).toBe(`${version}\n`);
  });

  it('runs a command while it holds the lock, and lists it', async () => {
    const list = ['npx', 'nestjs-advisory-lock', 'list', '--json', '--within', '30s'];
    const listed = await cli('run', 'nightly', '--', ...list);
    expect(JSON.parse(listed)).toMatchObject([{ name: 'nightly' }]);
  });
});
