const SKIPPED = ['pending', 'skipped', 'todo'];

/** For CI: a run fails when any of its tests is skipped, unless `-t` selects tests. */
export default class SkipsFailReporter {
  #error;
  #selectsTests;

  constructor({ testNamePattern }) {
    this.#selectsTests = Boolean(testNamePattern);
  }

  onRunComplete(_contexts, { testResults: files }) {
    if (this.#selectsTests) return;
    const skipped = files.flatMap(({ testFilePath, testResults }) =>
      testResults
        .filter(({ status }) => SKIPPED.includes(status))
        .map(({ fullName }) => `${testFilePath}: ${fullName}`),
    );
    if (skipped.length === 0) return;
    this.#error = new Error(['Skipped, which fails in CI:', ...skipped].join('\n'));
    process.stderr.write(`${this.#error.message}\n`);
  }

  /** What makes Jest end with a failure, without a word about it. */
  getLastError() {
    return this.#error;
  }
}
