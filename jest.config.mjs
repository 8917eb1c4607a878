import { bringUpToDate } from './scripts/compiled.mjs';
import { swcOptions } from './scripts/swc-options.mjs';

// What the processes of the tests run, and the bundle of packages.
bringUpToDate();

const isCi = process.env.CI === 'true';

/** @type {import('jest').Config} */
const common = {
  rootDir: '.',
  testMatch: ['**/*.spec.ts'],
  testEnvironment: '<rootDir>/test/support/quiet-environment.ts',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^nestjs-advisory-lock$': '<rootDir>/lib/index.ts',
    '^nestjs-advisory-lock/([a-z]+)$': '<rootDir>/lib/$1/index.ts',
  },
  // Packages in a bundle are loaded in a third of the time; see scripts/bundle-packages.mjs.
  moduleDirectories: ['node_modules/.cache/compiled/node_modules', 'node_modules'],
  modulePathIgnorePatterns: ['<rootDir>/dist', '/fixtures/', '/rivals/'],
  transform: { '^.+\\.ts$': ['@swc/jest', swcOptions] },
};

const project = (name, folders, more) => ({
  ...common,
  displayName: name,
  roots: folders.map((folder) => `<rootDir>/test/${folder}`),
  ...more,
});

/** Jest starts one server for all projects of a run that name it here, and none when no test needs it. */
const onPostgres = {
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
};

/** @type {import('jest').Config} */
export default {
  projects: [
    project('unit', ['unit']),
    project('integration', ['integration'], onPostgres),
    project('e2e', ['e2e'], onPostgres),
    project('faults', ['faults'], onPostgres),
    project('browser', ['browser']),
    project('package', ['package', 'types', 'docs', 'harness'], onPostgres),
  ],
  // The report of Jest comes last, with its summary.
  reporters: [...(isCi ? ['<rootDir>/test/support/skips-fail-reporter.mjs'] : []), 'default'],
  testSequencer: '<rootDir>/test/support/unit-last-sequencer.mjs',
  testTimeout: 60_000,
  // One more than two cores: tests wait for servers, clocks and processes. Two workers left these cores idle
  // for a quarter of the time, which in CI the checks that run beside the tests fill.
  maxWorkers: isCi ? 2 : 3,
  // What a file has loaded is never freed, 20 MB for each with Nest. A worker that ran a hundred files spent
  // a third of its CPU time on collecting garbage, and a tenth on the AsyncLocalStorages of files that had
  // ended, which Node 20 tells of every promise.
  workerIdleMemoryLimit: '300MB',
  // A worker that has run dozens of files takes longer than the default of 0.5 s to give its memory back.
  // What keeps a worker alive for longer is a leak, and Jest says so.
  workerGracefulExitTimeout: 10_000,
};
