import { readDurationMs } from './duration.js';

/** As for `fleetWithinMs` of the inspector. */
const WITHIN_LIMITS = { min: '0s', max: '60s' };

export const fleetOptions = {
  within: { type: 'string', default: '500ms' },
} as const;

export const FLEET_OPTIONS_HELP =
  '  --within <time>       for how long the instances may report names, and since when they hold locks ' +
  '(default: 500ms, at most 60s)';

/** How long to wait for reports of the fleet, in milliseconds; with 0 no instance is asked. */
export function readWithinMs({ within }: { readonly within: string }): number {
  return readDurationMs(within, '--within', WITHIN_LIMITS);
}
