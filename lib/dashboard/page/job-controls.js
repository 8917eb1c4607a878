/** @import { ControlRequest, JobDetails, PauseRequest, RunResult } from '../server/job-details.js' */
/** @import { AskDialog, Question } from './ask-dialog.js' */
import { post } from './ask-dialog.js';
import { element, show } from './dom.js';
import { Refusal } from './snapshot-feed.js';

/**
 * The buttons that pause, resume and run a job. Each asks first.
 *
 * @param {AskDialog} dialog
 */
export function jobControls(dialog) {
  const until = element('input');
  until.type = 'datetime-local';
  until.id = 'control-until';
  const untilLabel = element('label', '', 'Until, by the clock of this browser (optional)');
  untilLabel.htmlFor = until.id;
  /** @type {JobDetails | undefined} */
  let current;

  const pause = button('Pause …', (job) => {
    until.value = '';
    return {
      heading: 'Pause this job?',
      meaning:
        'Its ticks are left out in the whole fleet, also after restarts, until it is resumed or the pause ' +
        `ends. A run that has begun goes on.${otherJobs(job)}`,
      fields: [untilLabel, until],
      confirm: 'Pause it',
      unknown: 'The server did not respond: it is not known whether the job is paused.',
      async send(reason) {
        if (until.validity.badInput) throw new Refusal('The end of the pause is not complete.');
        /** @type {PauseRequest} */
        const request = {
          job: job.name,
          reason,
          ...(until.value !== '' && { until: new Date(until.value).toISOString() }),
        };
        await post(new URL('pause', import.meta.url), request);
        return 'Paused: its next tick is left out in every instance.';
      },
    };
  });
  const resume = button('Resume …', (job) => ({
    heading: 'Resume this job?',
    meaning: `It runs at its next tick. Ticks of the pause are not run later.${otherJobs(job)}`,
    confirm: 'Resume it',
    unknown: 'The server did not respond: it is not known whether the job was resumed.',
    async send(reason) {
      await post(new URL('resume', import.meta.url), asked(job, reason));
      return 'Resumed: it runs at its next tick.';
    },
  }));
  const run = button('Run now …', (job) => ({
    heading: 'Run this job now?',
    meaning:
      'One instance runs it once, under its lock, whether it is paused or not. It is not started while it ' +
      'runs. Its schedule goes on as always.',
    confirm: 'Run it',
    unknown: 'The server did not respond: it is not known whether the job was started.',
    async send(reason) {
      const result = await post(new URL('run', import.meta.url), asked(job, reason));
      return outcomeOf(/** @type {RunResult} */ (result));
    },
  }));
  const buttons = element('div', 'controls', pause, resume, run);

  /**
   * @param {string} label
   * @param {(job: JobDetails) => Omit<Question, 'facts' | 'isDanger'>} questionOf
   */
  function button(label, questionOf) {
    const made = element('button', '', label);
    made.type = 'button';
    made.addEventListener('click', () => {
      if (current === undefined) return;
      dialog.open({ isDanger: false, facts: [['Job', current.name]], ...questionOf(current) });
    });
    return made;
  }

  return {
    element: buttons,

    /** @param {JobDetails | undefined} job */
    update(job) {
      current = job;
      show(buttons, job?.canControl === true);
      // A button that disappears would take the focus with it.
      const [shown, hidden] = job?.pause === undefined ? [pause, resume] : [resume, pause];
      const hadFocus = document.activeElement === hidden;
      show(shown, true);
      show(hidden, false);
      if (hadFocus) shown.focus();
    },
  };
}

/**
 * @param {JobDetails} job
 * @param {string} reason
 * @returns {ControlRequest}
 */
function asked({ name: job }, reason) {
  return { job, reason };
}

/** @param {JobDetails} job */
function otherJobs({ methods }) {
  if (methods.length < 2) return '';
  return ` It counts for all jobs with this lock: ${methods.map(({ method }) => method).join(', ')}.`;
}

/** @param {RunResult} result */
function outcomeOf({ end, message = '' }) {
  switch (end) {
    case 'done':
      return 'It has run.';
    case 'failed':
      return `It failed: ${message}`;
    case 'busy':
      return `It was not started: ${message}`;
    case 'running':
      return 'It is running.';
  }
}
