import { describe } from '@jest/globals';
import { type Requirement, whyMissing } from './requirements.js';

/** A `describe` that is skipped, and says so, on a machine that cannot have what it needs. */
export function describeWith(requirement: Requirement, title: string, body: () => void): void {
  const reason = whyMissing(requirement);
  if (reason === undefined) {
    describe(title, body);
  } else {
    process.stderr.write(`Skipped for want of ${requirement}: "${title}" (${reason})\n`);
    describe.skip(title, body);
  }
}
