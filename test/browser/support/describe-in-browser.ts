import { describe } from '@jest/globals';
import { describeWith } from '../../faults/support/describe-with.js';

/** A `describe` in Chromium: the one that `CHROMIUM` names, or else Debian's. */
export function describeInBrowser(title: string, body: () => void): void {
  if (process.env.CHROMIUM === undefined) describeWith('chromium', title, body);
  else describe(title, body);
}
