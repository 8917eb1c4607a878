/** @import { DashboardLock, DashboardParty, DashboardSnapshot } from '../server/dashboard-snapshot.js' */
/** @import { TerminateRequest, TerminateResult } from '../server/dashboard-snapshot.js' */
import { askDialog, post } from './ask-dialog.js';
import { clipped, counted, lockTitle, partyTitle, since } from './format.js';

/**
 * Asks before a holder is ended, and shows the outcome.
 *
 * @param {URL} url
 * @param {() => void} refresh
 */
export async function terminateDialog(url, refresh) {
  const dialog = await askDialog('terminate', refresh);

  /**
   * @param {DashboardLock} lock
   * @param {DashboardParty} holder
   * @param {DashboardSnapshot} snapshot
   */
  return (lock, holder, snapshot) => {
    const { pid, backendId, holdId } = holder;
    if (pid === undefined || backendId === undefined) return;
    const target = { key: lock.key, pid, backendId, ...(holdId !== undefined && { holdId }) };
    dialog.open({
      heading: 'End this holder?',
      facts: factsOf(lock, holder),
      meaning: meaningOf(lock, holder, snapshot),
      confirm: 'End it',
      isDanger: true,
      unknown: 'The server did not respond: it is not known whether the holder was ended.',
      async send(reason) {
        /** @type {TerminateRequest} */
        const request = { ...target, reason };
        return outcomeOf(/** @type {TerminateResult} */ (await post(url, request)));
      },
    });
  };
}

/**
 * @param {DashboardLock} lock
 * @param {DashboardParty} holder
 * @param {DashboardSnapshot} snapshot
 */
function meaningOf(lock, holder, { locks }) {
  const { pid, backendId } = holder;
  const others = locks.filter(
    (other) =>
      // Not the same object: the page may have looked again since the click.
      other.key.id !== lock.key.id &&
      other.holders.some((each) => each.backendId === backendId && each.pid === pid),
  );
  return (
    `This ends the database connection ${pid} of ${clipped(partyTitle(holder))}. ` +
    (others.length === 0
      ? 'All locks of that connection are freed. '
      : `All its locks are freed: this one, and ${counted(others.length, 'other')} of those listed here. `) +
    'Code that runs under them is notified that its lock is lost, and other processes can take them. ' +
    'No holder is ended if the lock has changed hands by then.'
  );
}

/** @param {TerminateResult} result */
function outcomeOf({ ended, isRetaken }) {
  if (ended.length > 0) return `Ended: pid ${ended.join(', ')}. Its locks are free.`;
  return isRetaken === true
    ? 'The instance reports that it has released the lock and taken it again meanwhile: it was not ' +
        'ended. The page now shows the present holder, which can be ended.'
    : 'The lock has changed hands meanwhile: no holder was ended.';
}

/**
 * @param {DashboardLock} lock
 * @param {DashboardParty} holder
 * @returns {[what: string, text: string][]}
 */
function factsOf(lock, holder) {
  const time = since(holder);
  return [
    ['Lock', lockTitle(lock)],
    ['Holder', partyTitle(holder)],
    ['Pid', String(holder.pid)],
    ...(holder.clientAddress === undefined
      ? []
      : [/** @type {[string, string]} */ (['Address', holder.clientAddress])]),
    ...(time === '' ? [] : [/** @type {[string, string]} */ (['Held for', time])]),
  ];
}
