/** @import { DashboardJob, DashboardTick } from '../dashboard-snapshot.js' */
/** @import { Row } from './keyed-list.js' */
/** @import { TickCard } from './tick-card.js' */
import { element, icon, setText, show } from './dom.js';
import { duration, moment, took } from './format.js';
import { keyedList } from './keyed-list.js';
import { actorsOf, OUTCOMES } from './tick-marks.js';

/** @typedef {{ job: DashboardJob, nowMs: number }} JobNow */
/** @typedef {{ tick: DashboardTick, nowMs: number, gapMs: number }} TickNow */

/**
 * A job and its timeline: the newest tick is on the right.
 *
 * @param {TickCard} card
 * @returns {Row<JobNow>}
 */
export function jobRow(card) {
  const name = element('bdi');
  const method = element('code');
  const methodLine = element('p', 'muted job-method', method);
  const schedule = element('span', 'tag schedule');
  const next = element('span', 'next');
  const last = element('p', 'last');
  const line = element('ol', 'timeline');
  const start = element('span');
  const axis = element('p', 'axis', start, element('span', '', 'now'));
  axis.ariaHidden = 'true';
  const rest = element('span', 'gap');
  const track = element('div', 'track', line, rest);
  const row = element(
    'li',
    'job',
    element('div', 'job-head', element('h3', '', name), schedule, next),
    methodLine,
    track,
    axis,
    last,
  );
  const put = keyedList(
    line,
    /** @param {TickNow} each */ ({ tick }) => tick.at,
    () => tickMark(card),
  );
  line.addEventListener('keydown', moveAlong);
  let newest = '';

  return {
    element: row,
    update({ job, nowMs }) {
      const { ticks } = job;
      const atMs = ticks.map(({ at }) => Date.parse(at));
      setText(name, job.name);
      setText(method, job.method);
      show(methodLine, job.method !== job.name);
      setText(schedule, job.schedule ?? '');
      show(schedule, job.schedule !== undefined);
      setText(next, dueText(job.nextAt, nowMs));
      line.ariaLabel = `Ticks of ${job.name}, the oldest first`;
      put(
        ticks.map((tick, index) => ({
          tick,
          nowMs,
          gapMs: (atMs[index] ?? 0) - (atMs[index - 1] ?? atMs[index] ?? 0),
        })),
      );
      keepOneTabStop(line);
      rest.style.flexGrow = String(shareOf(nowMs - (atMs.at(-1) ?? nowMs)));
      setText(start, atMs[0] === undefined ? '' : moment(atMs[0], nowMs));
      show(track, ticks.length > 0);
      show(axis, ticks.length > 0);
      setText(last, lastText(ticks, nowMs));
      if (ticks.at(-1)?.at !== newest) track.scrollLeft = track.scrollWidth;
      newest = ticks.at(-1)?.at ?? '';
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
  const { durationMs } = last.instances.find(({ instance }) => instance === actors[0]) ?? {};
  const what = { ran: 'Ran', running: 'Running since', failed: 'Failed', skipped: '', missed: '' }[
    last.outcome
  ];
  const time = last.outcome === 'ran' && durationMs !== undefined ? `, took ${took(durationMs)}` : '';
  return `${what} ${ago} on ${actors.join(', ')}${time}`;
}

/**
 * @param {TickCard} card
 * @returns {Row<TickNow>}
 */
function tickMark(card) {
  const mark = element('button', 'tick');
  mark.type = 'button';
  mark.tabIndex = -1;
  const row = element('li', '', mark);
  /** @type {TickNow | undefined} */
  let current;
  let drawn = '';
  const tell = () => {
    if (current !== undefined) card.show(mark, current.tick, current.nowMs);
  };
  // A finger has no hover, and some browsers give no focus to a button that is clicked.
  for (const event of ['pointerenter', 'focus', 'click']) mark.addEventListener(event, tell);
  for (const event of ['pointerleave', 'blur']) {
    mark.addEventListener(event, () => {
      card.leave();
    });
  }
  return {
    element: row,
    update(now) {
      current = now;
      const { tick, nowMs, gapMs } = now;
      row.style.flexGrow = String(shareOf(gapMs));
      if (drawn !== tick.outcome) mark.replaceChildren(icon(tick.outcome));
      drawn = tick.outcome;
      mark.dataset.outcome = tick.outcome;
      const actors = actorsOf(tick);
      mark.ariaLabel = `${moment(Date.parse(tick.at), nowMs)}: ${OUTCOMES[tick.outcome]}${actors.length === 0 ? '' : ` on ${actors.join(', ')}`}`;
      card.refresh(mark, tick, nowMs);
    },
  };
}

/**
 * How much of the room that is left goes before a mark. No less than one in all: less would leave room over.
 *
 * @param {number} gapMs
 */
function shareOf(gapMs) {
  return Math.max(0, gapMs / 1_000);
}

/**
 * One mark of a timeline is reached by Tab, the others from there by the arrow keys.
 *
 * @param {HTMLElement} line
 */
function keepOneTabStop(line) {
  const marks = [...line.querySelectorAll('button')];
  const stop = marks.find((mark) => mark === document.activeElement) ?? marks.at(-1);
  for (const mark of marks) {
    const tabIndex = mark === stop ? 0 : -1;
    if (mark.tabIndex !== tabIndex) mark.tabIndex = tabIndex;
  }
}

/** @param {KeyboardEvent} event */
function moveAlong(event) {
  const { key, currentTarget } = event;
  if (!(currentTarget instanceof HTMLElement)) return;
  const marks = [...currentTarget.querySelectorAll('button')];
  const here = marks.findIndex((mark) => mark === document.activeElement);
  /** @type {Record<string, number>} */
  const goals = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: marks.length - 1 };
  const goal = marks[goals[key] ?? -1];
  if (goal === undefined) return;
  event.preventDefault();
  goal.focus();
  keepOneTabStop(currentTarget);
}
