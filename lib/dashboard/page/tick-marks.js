/** @import { DashboardTick } from '../server/dashboard-snapshot.js' */

import { clipped } from './format.js';

/** @typedef {DashboardTick['instances'][number]} TickReport */

/**
 * The meanings of the marks on the timeline, in the order of the legend.
 *
 * @type {Record<DashboardTick['outcome'], string>}
 */
export const OUTCOMES = {
  ran: 'ran',
  running: 'is running',
  failed: 'failed',
  skipped: 'skipped by all',
  missed: 'missed',
};

/** @type {Record<NonNullable<TickReport['reason']>, string>} */
const REASONS = {
  held: 'the lock was held',
  claimed: 'another instance claimed it',
  'too-late': 'it fired too late',
  'no-tick': 'it fired for no tick',
  'not-leader': 'it does not lead',
  paused: 'the job was paused',
  shutdown: 'it was shutting down',
};

/** @param {TickReport} report */
export function reasonOf({ reason }) {
  return reason === undefined ? '' : REASONS[reason];
}

/**
 * The instances whose outcome is that of the tick.
 *
 * @param {DashboardTick} tick
 */
export function actorsOf({ instances, outcome }) {
  return outcome === 'skipped'
    ? []
    : instances.filter((each) => each.outcome === outcome).map(({ instance }) => clipped(instance));
}
