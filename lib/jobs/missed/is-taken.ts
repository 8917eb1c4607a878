import type { ReportedTick } from '../../fleet/instance-report.js';

/** Reasons of a skip after which the tick may have run in another instance, or in none. */
const DOUBTFUL: readonly unknown[] = ['too-late', 'not-leader'];

/** Whether an instance ran the tick, or was refused it because it has run, or is left out on purpose. */
export function isTaken({ outcome, reason }: ReportedTick): boolean {
  return outcome !== 'skipped' || !DOUBTFUL.includes(reason);
}
