/** @import { DashboardSnapshot } from '../server/dashboard-snapshot.js' */
/** @import { JobNow } from './job-row.js' */
/** @import { TickCard } from './tick-card.js' */
import { byId, element, icon, show } from './dom.js';
import { jobRow } from './job-row.js';
import { keyedList } from './keyed-list.js';
import { OUTCOMES } from './tick-marks.js';

/**
 * The cron jobs of the fleet, each with its ticks.
 *
 * @param {TickCard} card
 */
export function jobsView(card) {
  const put = keyedList(
    byId('job-list'),
    /** @param {JobNow} each */ ({ job }) => `${job.name}\n${job.method}`,
    () => jobRow(card),
  );
  byId('legend').replaceChildren(
    ...Object.entries(OUTCOMES).map(([outcome, text]) => element('li', '', icon(outcome), text)),
  );

  /** @param {DashboardSnapshot} snapshot */
  return ({ at, jobs }) => {
    const nowMs = Date.parse(at);
    put(jobs.map((job) => ({ job, nowMs })));
    show(byId('jobs-empty'), jobs.length === 0);
    show(byId('legend'), jobs.length > 0);
  };
}
