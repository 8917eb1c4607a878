import { describe, expect, it } from '@jest/globals';
import { onMissing } from '../faults/support/on-missing.js';

describe('tests that need what the machine does not have', () => {
  it.each([{}, { CI: '' }, { CI: 'false' }])('are skipped outside CI (%j)', (env) => {
    expect(onMissing(env)).toBe('skip');
  });

  it('fail in CI, where no one would notice that they are gone', () => {
    expect(onMissing({ CI: 'true' })).toBe('fail');
  });
});
