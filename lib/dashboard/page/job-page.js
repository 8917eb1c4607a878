/** @import { DashboardSnapshot } from '../server/dashboard-snapshot.js' */
/** @import { JobDetails, JobRunDetails } from '../server/job-details.js' */
/** @import { JobNow } from './job-row.js' */
/** @import { TickCard } from './tick-card.js' */
import { askDialog } from './ask-dialog.js';
import { byId, element, icon, setText, show } from './dom.js';
import { clipped, counted, duration, moment, number, took } from './format.js';
import { jobControls } from './job-controls.js';
import { jobRow } from './job-row.js';
import { keyedList } from './keyed-list.js';
import { loadStyle } from './load-style.js';
import { nameText } from './name-text.js';
import { runRow } from './run-row.js';
import { bodyOf, Refusal } from './snapshot-feed.js';

/** How often the runs are asked for: they are read from a table. */
const EVERY_MS = 5_000;

/** How many runs are shown: first the first number, then the next on demand. */
const LIMITS = /** @type {const} */ ([100, 1_000]);

/**
 * The page of one job: its next ticks, its pause, its recorded runs, and what can be done with it.
 *
 * @param {TickCard} card
 * @param {() => void} refresh Asks for a snapshot.
 */
export async function jobPage(card, refresh) {
  await loadStyle(new URL('job-page.css', import.meta.url));
  const dialog = await askDialog('control', () => {
    void load();
    refresh();
  });
  const name = nameText();
  const heading = element('h2', '', name.element);
  heading.id = 'job-heading';
  heading.tabIndex = -1;
  const back = element('a', 'back', 'All locks and jobs');
  back.href = '?';
  back.dataset.job = '';
  const pauseText = element('p');
  const pause = element('div', 'pause', icon('alert'), pauseText);
  const next = element('ul', 'next-ticks');
  const noNext = element('p', 'empty', 'The instance that serves this page knows no next tick of it.');
  const rows = element('ul', 'job-list');
  const noRows = element('p', 'empty', 'No instance has this job at the moment.');
  const summary = element('p', 'muted');
  const runs = element('ol', 'runs');
  const noRuns = element('p', 'empty');
  const more = element('button', '', `Show ${number(LIMITS[1])}`);
  more.type = 'button';
  const moreLine = element('div', 'more', more);
  const controls = jobControls(dialog);
  const section = element(
    'section',
    '',
    element('div', 'section-head', heading, back),
    pause,
    controls.element,
    part('Next ticks', next, noNext),
    part('Latest ticks, as the instances remember them', rows, noRows),
    part('Recorded runs', summary, runs, noRuns, moreLine),
  );
  section.id = 'job';
  section.setAttribute('aria-labelledby', heading.id);
  section.hidden = true;
  byId('locks').before(section);

  const putRows = keyedList(
    rows,
    /** @param {JobNow} each */ ({ job }) => job.method,
    () => jobRow(card, true),
  );
  const putNext = keyedList(
    next,
    /** @param {{ id: string, text: string }} each */ ({ id }) => id,
    () => {
      const text = element('bdi');
      return {
        element: element('li', '', text),
        update: (each) => {
          setText(text, each.text);
        },
      };
    },
  );
  const putRuns = keyedList(
    runs,
    /** @param {{ run: JobRunDetails }} each */ ({ run }) =>
      [run.startedAt, run.at, run.instance, run.trigger, run.attempt].join(),
    runRow,
  );
  more.addEventListener('click', () => {
    limit = LIMITS[1];
    void load();
  });

  let job = '';
  /** @type {number} */
  let limit = LIMITS[0];
  let askedAt = -Infinity;
  let asked = 0;

  /** Asks for the job. Of several questions, only the response to the latest counts. */
  async function load() {
    if (job === '') return;
    askedAt = performance.now();
    const question = (asked += 1);
    const url = new URL('job', import.meta.url);
    url.search = String(new URLSearchParams({ name: job, limit: String(limit) }));
    try {
      const details = await bodyOf(await fetch(url, { headers: { accept: 'application/json' } }));
      if (question === asked) update(/** @type {JobDetails} */ (details));
    } catch (error) {
      if (question !== asked) return;
      const why = error instanceof Refusal ? error.message : 'The server does not respond.';
      setText(noRuns, why);
      show(noRuns, true);
    }
  }

  /** @param {JobDetails} details */
  function update(details) {
    const nowMs = Date.parse(details.at);
    controls.update(details);
    show(pause, details.pause !== undefined);
    setText(pauseText, pauseTextOf(details, nowMs));
    const times = nextTimesOf(details, nowMs);
    putNext(times);
    show(noNext, times.length === 0);
    const longestMs = Math.max(0, ...details.runs.map(({ durationMs = 0 }) => durationMs));
    putRuns(details.runs.map((run) => ({ run, nowMs, longestMs })));
    setText(summary, summaryOf(details, longestMs));
    show(summary, details.runs.length > 0);
    setText(noRuns, noRunsText(details));
    show(noRuns, details.runs.length === 0);
    show(moreLine, details.runs.length === LIMITS[0]);
  }

  return {
    /**
     * @param {string} wanted The name of a job; an empty text shows everything else again.
     * @param {boolean} isMoved Whether the user has come from another view.
     */
    show(wanted, isMoved) {
      const left = job;
      job = wanted;
      const isShown = job !== '';
      document.body.classList.toggle('one-job', isShown);
      show(section, isShown);
      const skip = document.querySelector('.skip-link');
      skip?.setAttribute('href', isShown ? '#job-heading' : '#locks-heading');
      if (skip) setText(skip, isShown ? 'Skip to the job' : 'Skip to the locks');
      if (isShown) {
        limit = LIMITS[0];
        name.update(job);
        for (const part of [pause, noNext, noRuns, summary, moreLine]) show(part, false);
        controls.update(undefined);
        putNext([]);
        putRuns([]);
        void load();
      }
      if (!isMoved) return;
      const link = [...document.querySelectorAll('a[data-job]')].find(
        (each) => each instanceof HTMLElement && each.dataset.job === left && left !== '',
      );
      const focused = isShown ? heading : (link ?? byId('jobs-heading'));
      if (focused instanceof HTMLElement) focused.focus();
    },

    /** @param {DashboardSnapshot} snapshot */
    received({ at, jobs, problem }) {
      if (job === '') return;
      const nowMs = Date.parse(at);
      const ofLock = jobs.filter((each) => each.name === job);
      putRows(ofLock.map((each) => ({ job: each, nowMs })));
      show(noRows, ofLock.length === 0 && problem === undefined);
      if (performance.now() - askedAt >= EVERY_MS) void load();
    },
  };
}

/**
 * @param {string} title
 * @param {...HTMLElement} content
 */
function part(title, ...content) {
  return element('div', 'part', element('h3', '', title), element('div', 'panel', ...content));
}

/**
 * @param {JobDetails} details
 * @param {number} nowMs
 */
function pauseTextOf({ pause }, nowMs) {
  if (pause === undefined) return '';
  const { at, by, until, reason } = pause;
  const sinceMs = Date.parse(at);
  const end = until === undefined ? 'until it is resumed' : `until ${moment(Date.parse(until), nowMs)}`;
  const why = reason === undefined ? '' : ` Reason: ${reason}`;
  return `Paused for ${duration(nowMs - sinceMs)}, since ${moment(sinceMs, nowMs)}, ${end}. By ${by}.${why}`;
}

/**
 * @param {JobDetails} details
 * @param {number} nowMs
 */
function nextTimesOf({ methods }, nowMs) {
  return methods.flatMap(({ method, nextAt }) =>
    nextAt.map((at) => {
      const atMs = Date.parse(at);
      const text = `in ${duration(atMs - nowMs)}, at ${moment(atMs, nowMs)}`;
      return { id: `${method} ${at}`, text: methods.length === 1 ? text : `${clipped(method)} ${text}` };
    }),
  );
}

/**
 * @param {JobDetails} details
 * @param {number} longestMs
 */
function summaryOf({ runs }, longestMs) {
  const failed = runs.filter(({ state }) => state === 'failed' || state === 'died').length;
  const text = `${counted(runs.length, 'run')}, the newest first; ${number(failed)} failed`;
  return longestMs > 0 ? `${text}; the longest took ${took(longestMs)}` : text;
}

/** @param {JobDetails} details */
function noRunsText({ problem, isRecorded }) {
  if (problem !== undefined) return `The runs cannot be read: ${problem}`;
  return isRecorded
    ? 'No run has been recorded yet.'
    : "Its runs are not recorded: that takes the option historyMs, or tick: 'record'.";
}
