/** @import { DashboardTick } from '../server/dashboard-snapshot.js' */
/** @import { JobNow } from './job-row.js' */
/** @import { Row } from './keyed-list.js' */
/** @import { TickCard } from './tick-card.js' */
import { element, icon, setAttribute, setText, show } from './dom.js';
import { clipped, counted, moment } from './format.js';
import { keyedList } from './keyed-list.js';
import { actorsOf, OUTCOMES } from './tick-marks.js';

/** @typedef {{ tick: DashboardTick, nowMs: number, gapMs: number }} TickNow */
/** @typedef {{ instance: string, ticks: readonly TickNow[], restMs: number }} LaneNow */

/**
 * The ticks of a job, the newest on the right: the outcome of each in the fleet, and on demand a lane for
 * each instance.
 *
 * @param {TickCard} card
 * @returns {Row<JobNow> & { toggleLanes: () => boolean }}
 */
export function timeline(card) {
  const line = element('ol', 'timeline');
  const rest = element('span', 'gap');
  const lanes = element('ul', 'lanes');
  lanes.hidden = true;
  const track = element('div', 'track', element('div', 'strip', line, rest), lanes);
  const start = element('span');
  const axis = element('p', 'axis', start, element('span', '', 'now'));
  axis.ariaHidden = 'true';
  const put = keyedList(
    line,
    /** @param {TickNow} each */ ({ tick }) => tick.at,
    () => tickMark(card),
  );
  const putLanes = keyedList(lanes, /** @param {LaneNow} each */ ({ instance }) => instance, lane);
  line.addEventListener('keydown', moveAlong);
  let newest = '';
  /** @type {JobNow | undefined} */
  let current;

  /** @param {JobNow} now */
  function update(now) {
    current = now;
    const { job, nowMs } = now;
    const atMs = job.ticks.map(({ at }) => Date.parse(at));
    const ticks = job.ticks.map((tick, index) => ({
      tick,
      nowMs,
      gapMs: (atMs[index] ?? 0) - (atMs[index - 1] ?? atMs[index] ?? 0),
    }));
    const restMs = nowMs - (atMs.at(-1) ?? nowMs);
    setAttribute(line, 'aria-label', `Ticks of ${clipped(job.name)}, the oldest first`);
    put(ticks);
    keepOneTabStop(line);
    grow(rest, restMs);
    if (!lanes.hidden) {
      const instances = new Set(job.ticks.flatMap((tick) => tick.instances.map(({ instance }) => instance)));
      putLanes([...instances].sort().map((instance) => ({ instance, ticks, restMs })));
    }
    setText(start, atMs[0] === undefined ? '' : moment(atMs[0], nowMs));
    show(track, ticks.length > 0);
    show(axis, ticks.length > 0);
    const last = job.ticks.at(-1)?.at ?? '';
    if (last !== newest) track.scrollLeft = track.scrollWidth;
    // A row that is not on the page yet has no width, so it cannot be scrolled.
    if (track.isConnected) newest = last;
  }

  return {
    element: element('div', '', track, axis),
    update,
    toggleLanes() {
      lanes.hidden = !lanes.hidden;
      if (current !== undefined) update(current);
      return !lanes.hidden;
    },
  };
}

/**
 * The outcomes of the ticks in one instance, and their counts in words, for users who cannot see the marks.
 *
 * @returns {Row<LaneNow>}
 */
function lane() {
  const name = element('bdi', 'who');
  const sums = element('span', 'muted');
  const strip = element('div', 'strip');
  strip.ariaHidden = 'true';
  let drawn = '';
  return {
    element: element('li', 'lane', element('p', 'lane-name', name, ' ', sums), strip),
    update({ instance, ticks, restMs }) {
      setText(name, clipped(instance));
      const outcomes = ticks.map(
        ({ tick }) => tick.instances.find((each) => each.instance === instance)?.outcome,
      );
      setText(sums, sumsOf(outcomes));
      const text = outcomes.join();
      if (text !== drawn) {
        strip.replaceChildren(
          ...outcomes.map((outcome) =>
            element('span', 'slot', ...(outcome === undefined ? [] : [icon(outcome)])),
          ),
          element('span', 'gap'),
        );
      }
      drawn = text;
      [...ticks.map(({ gapMs }) => gapMs), restMs].forEach((ms, index) => {
        const slot = strip.children[index];
        if (slot instanceof HTMLElement) grow(slot, ms);
      });
    },
  };
}

/** @param {readonly (string | undefined)[]} outcomes */
function sumsOf(outcomes) {
  return ['ran', 'running', 'failed', 'skipped']
    .map((outcome) => ({ outcome, count: outcomes.filter((each) => each === outcome).length }))
    .filter(({ count }) => count > 0)
    .map(({ outcome, count }) => `${outcome} ${counted(count, 'time')}`)
    .join(', ');
}

/**
 * @param {TickCard} card
 * @returns {Row<TickNow>}
 */
function tickMark(card) {
  const mark = element('button', 'tick');
  mark.type = 'button';
  mark.tabIndex = -1;
  const row = element('li', 'slot', mark);
  /** @type {TickNow | undefined} */
  let current;
  let drawn = '';
  const showCard = () => {
    if (current !== undefined) card.show(mark, current.tick, current.nowMs);
  };
  // A touch screen has no hover, and some browsers give no focus to a button that is clicked.
  for (const event of ['pointerenter', 'focus', 'click']) mark.addEventListener(event, showCard);
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
      grow(row, gapMs);
      if (drawn !== tick.outcome) mark.replaceChildren(icon(tick.outcome));
      drawn = tick.outcome;
      setAttribute(mark, 'data-outcome', tick.outcome);
      const actors = actorsOf(tick);
      const where = actors.length === 0 ? '' : ` on ${actors.join(', ')}`;
      setAttribute(
        mark,
        'aria-label',
        `${moment(Date.parse(tick.at), nowMs)}: ${OUTCOMES[tick.outcome]}${where}`,
      );
      card.refresh(mark, tick, nowMs);
    },
  };
}

/**
 * Gives a slot its share of the remaining width.
 *
 * @param {HTMLElement} slot
 * @param {number} ms
 */
function grow(slot, ms) {
  const share = String(Math.max(0, ms / 1_000));
  if (slot.style.flexGrow !== share) slot.style.flexGrow = share;
}

/**
 * Tab reaches one mark of a timeline, and the arrow keys reach the others from there.
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
