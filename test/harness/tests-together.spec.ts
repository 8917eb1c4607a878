import { beforeAll, describe, expect, it } from '@jest/globals';
import { type FixtureRun, runFixture } from './support/run-fixture.js';

let run: FixtureRun;

beforeAll(async () => {
  run = await runFixture(['together']);
});

describe('tests together', () => {
  it('run at the same time, each in a database of its own, and pass or fail by themselves', () => {
    expect(run.output).toMatch(/^Tests: +2 failed, 2 passed, 4 total$/m);
  });

  it('fail with what they leave in their database', () => {
    expect(run.output).toMatch(/● leaves a lock\n/);
    expect(run.output).toMatch(/lock .*"applicationName":"left behind".*"objid":7/);
    expect(run.output).not.toContain('closed in time');
  });

  it('fail with their own error and that of their clean-up', () => {
    expect(run.output).toMatch(/● fails by itself\n/);
    expect(run.output).toContain('toBe');
    expect(run.output).toContain('so does its clean-up');
  });
});
