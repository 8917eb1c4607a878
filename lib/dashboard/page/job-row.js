/** @import { DashboardJob, DashboardTick } from '../server/dashboard-snapshot.js' */
/** @import { Row } from './keyed-list.js' */
/** @import { TickCard } from './tick-card.js' */
import { element, setAttribute, setText, show } from './dom.js';
import { clipped, duration, moment, took } from './format.js';
import { nameText } from './name-text.js';
import { actorsOf } from './tick-marks.js';
import { timeline } from './timeline.js';

/** @typedef {{ job: DashboardJob, nowMs: number }} JobNow */

/**
 * A job: when it is due next, the outcomes of its ticks, and the latest outcome in words. Its name is a link
 * to its page.
 *
 * @param {TickCard} card
 * @param {boolean} [isOnItsPage] Where the name of its lock is the heading.
 * @returns {Row<JobNow>}
 */
export function jobRow(card, isOnItsPage = false) {
  const name = element('bdi');
  const link = element('a', '', name);
  const paused = element('span', 'tag warning', 'paused');
  const method = nameText();
  const methodLine = element('p', 'muted job-method', element('code', '', method.element));
  const schedule = element('span', 'tag schedule');
  const next = element('span', 'next');
  const ticks = timeline(card);
  const last = element('p');
  const lanes = element('button', 'link', 'By instance');
  lanes.type = 'button';
  lanes.ariaExpanded = 'false';
  lanes.addEventListener('click', () => {
    lanes.ariaExpanded = String(ticks.toggleLanes());
  });
  const row = element(
    'li',
    'job',
    element(
      'div',
      'job-head',
      element('h3', '', isOnItsPage ? method.element : link),
      paused,
      schedule,
      next,
    ),
    methodLine,
    ticks.element,
    element('div', 'job-foot', last, lanes),
  );
  return {
    element: row,
    update({ job, nowMs }) {
      setText(name, clipped(job.name));
      link.dataset.job = job.name;
      setAttribute(link, 'href', `?${String(new URLSearchParams({ job: job.name }))}`);
      method.update(job.method);
      show(methodLine, job.method !== job.name && !isOnItsPage);
      show(paused, job.isPaused === true);
      setText(schedule, clipped(job.schedule ?? ''));
      show(schedule, job.schedule !== undefined);
      setText(next, dueText(job.nextAt, nowMs));
      ticks.update({ job, nowMs });
      setText(last, lastText(job.ticks, nowMs));
      show(lanes, job.ticks.length > 0);
      setAttribute(lanes, 'aria-label', `By instance, ${clipped(job.name)}`);
    },
  };
}

/**
 * @param {string | undefined} nextAt
 * @param {number} nowMs
 */
function dueText(nextAt, nowMs) {
  if (nextAt === undefined) return '';
  const atMs = Date.parse(nextAt);
  return atMs <= nowMs ? 'due now' : `next in ${duration(atMs - nowMs)}, at ${moment(atMs, nowMs)}`;
}

/**
 * @param {readonly DashboardTick[]} ticks
 * @param {number} nowMs
 */
function lastText(ticks, nowMs) {
  const last = ticks.at(-1);
  if (last === undefined) return 'It has not been due yet.';
  const ago = `${duration(nowMs - Date.parse(last.at))} ago`;
  const actors = actorsOf(last);
  if (actors.length === 0)
    return last.outcome === 'missed' ? `Missed ${ago}` : `Skipped ${ago} by all instances`;
  const { durationMs } = last.instances.find(({ outcome }) => outcome === last.outcome) ?? {};
  const what = { ran: 'Ran', running: 'Running since', failed: 'Failed', skipped: '', missed: '' }[
    last.outcome
  ];
  const time = last.outcome === 'ran' && durationMs !== undefined ? `, took ${took(durationMs)}` : '';
  return `${what} ${ago} on ${actors.join(', ')}${time}`;
}
