import { readDurationMs } from './duration.js';

export const fleetOptions = {
  within: { type: 'string', default: '500ms' },
} as const;

export const FLEET_OPTIONS_HELP =
  '  --within <time>       for how long the instances may answer, who know names and since when they hold (default: 500ms)';

/** For how long the answers of the fleet are waited for; `0` asks nobody. */
export function readWithinMs({ within }: { readonly within: string }): number {
  return readDurationMs(within, '--within');
}
