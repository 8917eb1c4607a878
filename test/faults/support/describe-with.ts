import { describe, it } from '@jest/globals';
import { writeSync } from 'node:fs';
import { onMissing } from './on-missing.js';
import { type Requirement, whyMissing } from './requirements.js';

const STDERR = 2;

/**
 * A `describe` for a machine that has what it needs. On another one it is skipped and
 * says so, or fails in CI; see `onMissing`.
 */
export function describeWith(requirement: Requirement, title: string, body: () => void): void {
  const reason = whyMissing(requirement);
  if (reason === undefined) {
    describe(title, body);
  } else if (onMissing() === 'skip') {
    // Past the test environment, which shows what tests print only when they fail.
    writeSync(STDERR, `Skipped, as there is no ${requirement}: "${title}" (${reason})\n`);
    describe.skip(title, body);
  } else {
    describe(title, () => {
      it(`needs ${requirement}`, () => {
        throw new Error(`There is no ${requirement}: ${reason}`);
      });
    });
  }
}
