/** @import { DashboardInstance, DashboardSnapshot } from '../server/dashboard-snapshot.js' */
/** @import { Row } from './keyed-list.js' */
import { byId, element, setText, show } from './dom.js';
import { counted, duration } from './format.js';
import { keyedList } from './keyed-list.js';
import { nameText } from './name-text.js';

/** @typedef {{ instance: DashboardInstance, isServing: boolean }} InstanceNow */

/** The instances of the fleet. */
export function instancesView() {
  const put = keyedList(
    byId('instance-list'),
    /** @param {InstanceNow} each */ ({ instance }) =>
      `${instance.isUnconfirmed === true ? 'unconfirmed' : 'confirmed'} ${instance.name}`,
    instanceRow,
  );

  /** @param {DashboardSnapshot} snapshot */
  return ({ instances, instance: serving }) => {
    put(
      instances.map((instance) => ({
        instance,
        isServing: instance.name === serving && instance.isUnconfirmed !== true,
      })),
    );
    const silent = instances.filter(({ isSilent }) => isSilent).length;
    setText(
      byId('instances-summary'),
      silent === 0 ? '' : `${counted(silent, 'instance')} ${silent === 1 ? 'does' : 'do'} not respond`,
    );
    show(byId('instances-empty'), instances.length === 0);
  };
}

/** @returns {Row<InstanceNow>} */
function instanceRow() {
  const name = nameText('who');
  const serving = element('span', 'tag', 'serves this page');
  const silent = element('span', 'tag warning', 'does not respond');
  const unconfirmed = element('span', 'tag warning', 'unconfirmed');
  unconfirmed.title =
    'It may be no instance of this fleet: it has another role, or not the secret. Its report is not used.';
  const up = element('span', 'since');
  const backends = element('span', 'muted');
  const dot = element('span', 'dot');
  const row = element('li', '', dot, name.element, serving, silent, unconfirmed, up, backends);
  return {
    element: row,
    update({ instance, isServing }) {
      const { upMs, isSilent, backends: pids } = instance;
      name.update(instance.name);
      show(serving, isServing);
      show(silent, isSilent);
      show(unconfirmed, instance.isUnconfirmed === true);
      row.classList.toggle('silent', isSilent);
      setText(up, upMs === undefined ? '' : `up ${duration(upMs)}`);
      setText(
        backends,
        pids.length === 0 ? 'no connection' : `${pids.length === 1 ? 'pid' : 'pids'} ${pids.join(', ')}`,
      );
    },
  };
}
