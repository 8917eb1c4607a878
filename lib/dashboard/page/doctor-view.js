/** @import { DashboardDoctor, DashboardSnapshot } from '../server/dashboard-snapshot.js' */
import { byId, element, icon, setText } from './dom.js';
import { counted, duration } from './format.js';

/**
 * The health of the locks, in a word or two.
 *
 * @param {DashboardSnapshot} snapshot
 */
export function healthOf({ doctor, problem }) {
  if (problem !== undefined) return { isHealthy: false, text: 'Problem' };
  if (doctor === undefined) return { isHealthy: true, text: '' };
  return doctor.isHealthy
    ? { isHealthy: true, text: 'Healthy' }
    : { isHealthy: false, text: counted(doctor.problems.length, 'problem') };
}

/** The doctor's report: the problems in full. */
export function doctorView() {
  let shown = '';

  /** @param {DashboardSnapshot} snapshot */
  return ({ at, doctor }) => {
    setText(
      byId('doctor-checked'),
      doctor === undefined ? '' : `checked ${duration(Date.parse(at) - Date.parse(doctor.checkedAt))} ago`,
    );
    const text = JSON.stringify([doctor?.problems, doctor?.summary, doctor?.pooler]);
    if (text === shown) return;
    shown = text;
    byId('doctor-report').replaceChildren(...contentOf(doctor));
  };
}

/** @param {DashboardDoctor | undefined} doctor */
function contentOf(doctor) {
  if (doctor === undefined) return [element('p', 'empty', 'The doctor has not run yet.')];
  const { problems, summary, pooler } = doctor;
  const content = [];
  if (problems.length === 0) {
    content.push(element('p', 'verdict healthy', icon('ran'), 'Nothing is wrong.'));
  } else {
    const list = element('ul', 'problems');
    for (const { code, message } of problems) {
      list.append(
        element(
          'li',
          '',
          icon('alert'),
          element('div', '', element('code', '', code), element('p', '', message)),
        ),
      );
    }
    content.push(list);
  }
  if (summary !== undefined) content.push(element('p', 'muted summary', summary));
  if (pooler === 'transaction') {
    content.push(
      element('p', 'muted summary', 'Locks are held through a pooler, inside one open transaction.'),
    );
  }
  return content;
}
