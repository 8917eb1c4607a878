import { beforeAll, describe, expect, it } from '@jest/globals';
import { type FixtureRun, runFixture } from './support/run-fixture.js';

/** Jest starts again for each run, which takes a while: two of them show everything. */
let failing: FixtureRun;
let inCi: FixtureRun;

beforeAll(async () => {
  failing = await runFixture(['passes', 'fails', 'does-not-load', 'skips']);
  inCi = await runFixture(['passes', 'skips'], { TEST_OUTPUT: 'all', CI: 'true' });
});

describe('what tests print', () => {
  it('is not shown when they pass', () => {
    expect(failing.output).toMatch(/^Tests: +1 failed, 1 skipped, 5 passed, 7 total$/m);
    expect(failing.output).not.toContain('printed by a file that passes');
    expect(failing.output).not.toMatch(/printed by the (first|last) test that passes/);
    expect(failing.output).not.toContain('printed by a test before the hook that fails');
  });

  it('is shown when they fail, under their name, with what was printed before all tests', () => {
    const lines = [
      'Printed by the failing test "orders › fails":\n',
      '.*LOG.* \\[Setup\\] .*printed before all tests\n',
      '.*LOG.* \\[Orders\\] .*printed by the test that fails\n',
      'written by the test that fails\n',
    ];
    expect(failing.output).toMatch(new RegExp(lines.join('')));
  });

  it('is shown when a hook after all tests fails', () => {
    expect(failing.output).toMatch(
      /Printed outside tests:\n.* \[Cleanup\] .*printed by the hook that fails\n/,
    );
  });

  it('is shown when the file does not load', () => {
    expect(failing.output).toMatch(
      /Printed outside tests:\n.* \[Import\] .*printed by the file that does not load\n/,
    );
  });

  it('is shown when it is printed by the console', () => {
    expect(failing.output).toContain('printed by a developer for debugging');
  });

  it('is all shown with TEST_OUTPUT=all', () => {
    expect(inCi.output.match(/printed by a file that passes/g)).toHaveLength(4);
  });
});

describe('a skipped test', () => {
  it('fails a run in CI, in which all others pass, and is named', () => {
    expect(inCi.output).toMatch(/^Tests: +1 skipped, 2 passed, 3 total$/m);
    expect(inCi.output).toMatch(/Skipped, which fails in CI:\n.*skips\.spec\.ts: is left out\n/);
    expect(inCi.status).toBe(1);
  });

  it('is left alone outside CI', () => {
    expect(failing.output).not.toContain('which fails in CI');
  });
});
