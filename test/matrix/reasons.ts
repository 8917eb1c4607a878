import type { Row } from './rows.js';

/** In the place of a failure, for a row that was not run. */
export const NOT_RUN = 'not run';

interface KnownReason {
  /** What has failed, and where. */
  readonly applies: (row: Row, failure: string) => boolean;
  /** As the page says it. */
  readonly reason: string;
}

/** Why something is not green. What is not listed here is a failure of the library. */
const KNOWN: readonly KnownReason[] = [
  {
    applies: (_row, failure) => failure === NOT_RUN,
    reason: 'It was not run: `npm run matrix -- --continue --write` runs what is missing.',
  },
];

export function reasonFor(row: Row, failure: string): string | undefined {
  return KNOWN.find(({ applies }) => applies(row, failure))?.reason;
}
