/** @import { JobRunDetails } from '../server/job-details.js' */
/** @import { Row } from './keyed-list.js' */
import { element, icon, setText, show } from './dom.js';
import { clipped, moment, took } from './format.js';
import { nameText } from './name-text.js';

/** @typedef {{ run: JobRunDetails, nowMs: number, longestMs: number }} RunNow */

/**
 * The icon of each state, and what it is called.
 *
 * @type {Record<JobRunDetails['state'], [icon: string, text: string]>}
 */
const STATES = {
  done: ['ran', 'ran'],
  failed: ['failed', 'failed'],
  running: ['running', 'is running'],
  died: ['missed', 'has no end: its instance is gone'],
};

/**
 * A recorded run, with its duration as a bar beside those of the others.
 *
 * @returns {Row<RunNow>}
 */
export function runRow() {
  const mark = element('span', 'mark-of-run');
  const when = element('strong');
  const state = element('span', 'muted');
  const manual = element('span', 'tag', 'on demand');
  const attempt = element('span', 'tag');
  const who = element('bdi', 'who');
  const time = element('span', 'took');
  const bar = element('span');
  const track = element('span', 'bar', bar);
  track.ariaHidden = 'true';
  const error = nameText('', 'error');
  const errorLine = element('p', 'error', error.element);
  let drawn = '';
  return {
    element: element('li', 'run', mark, when, state, manual, attempt, time, who, track, errorLine),
    update({ run, nowMs, longestMs }) {
      const [name, text] = STATES[run.state];
      if (drawn !== name) mark.replaceChildren(icon(name));
      drawn = name;
      setText(when, moment(Date.parse(run.at), nowMs));
      setText(state, text);
      show(manual, run.trigger === 'manual');
      show(attempt, run.attempt > 1);
      setText(attempt, `attempt ${run.attempt}`);
      setText(who, clipped(run.instance));
      const { durationMs = run.state === 'running' ? nowMs - Date.parse(run.startedAt) : undefined } = run;
      setText(time, durationMs === undefined ? '' : took(Math.max(0, durationMs)));
      const share = durationMs === undefined || longestMs === 0 ? 0 : Math.min(1, durationMs / longestMs);
      bar.style.width = `${Math.round(share * 100)}%`;
      error.update(run.error ?? '');
      show(errorLine, run.error !== undefined);
    },
  };
}
