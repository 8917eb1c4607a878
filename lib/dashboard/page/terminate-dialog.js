/** @import { DashboardLock, DashboardParty, DashboardSnapshot } from '../server/dashboard-snapshot.js' */
/** @import { TerminateRequest, TerminateResult } from '../server/dashboard-snapshot.js' */
import { byId, setText, show } from './dom.js';
import { counted, lockTitle, partyTitle, since } from './format.js';
import { fillFacts } from './party-row.js';
import { bodyOf, Refusal } from './snapshot-feed.js';

/** Asks before a holder is ended, and shows the outcome. */
export class TerminateDialog {
  #dialog = /** @type {HTMLDialogElement} */ (byId('terminate'));
  #reason = /** @type {HTMLInputElement} */ (byId('terminate-reason'));
  #confirm = /** @type {HTMLButtonElement} */ (byId('terminate-confirm'));
  /** @type {Omit<TerminateRequest, 'reason'> | undefined} */
  #target;

  /**
   * @param {URL} url
   * @param {() => void} refresh
   */
  constructor(url, refresh) {
    this.url = url;
    this.refresh = refresh;
    byId('terminate-cancel').addEventListener('click', () => {
      this.#dialog.close();
    });
    this.#dialog.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
  }

  /**
   * @param {DashboardLock} lock
   * @param {DashboardParty} holder
   * @param {DashboardSnapshot} snapshot
   */
  open(lock, holder, { locks }) {
    const { pid, backendId, holdId } = holder;
    if (pid === undefined || backendId === undefined) return;
    this.#target = { key: lock.key, pid, backendId, ...(holdId !== undefined && { holdId }) };
    fillFacts(byId('terminate-facts'), factsOf(lock, holder));
    const others = locks.filter(
      (other) =>
        other !== lock && other.holders.some((each) => each.backendId === backendId && each.pid === pid),
    );
    setText(
      byId('terminate-meaning'),
      `This ends the database connection ${pid} of ${partyTitle(holder)}. ` +
        (others.length === 0
          ? 'All locks of that connection are freed. '
          : `All its locks are freed: this one, and ${counted(others.length, 'other')} ` +
            'of those listed here. ') +
        'Code that runs under them is notified that its lock is lost, and other processes can take them. ' +
        'No holder is ended if the lock has changed hands by then.',
    );
    this.#reason.value = '';
    this.#showError('');
    setText(byId('terminate-outcome'), '');
    this.#setStage('asking');
    this.#dialog.showModal();
    this.#reason.focus();
  }

  async #submit() {
    const target = this.#target;
    if (target === undefined || this.#confirm.disabled) return;
    const reason = this.#reason.value.trim();
    if (reason === '') {
      this.#showError('Give a reason: it is written to the logs.');
      this.#reason.focus();
      return;
    }
    this.#showError('');
    this.#setStage('sending');
    try {
      const { ended, isRetaken } = await this.#send({ ...target, reason });
      setText(
        byId('terminate-outcome'),
        ended.length === 0
          ? isRetaken === true
            ? 'The instance reports that it has released the lock and taken it again meanwhile: it was not ' +
              'ended. The page now shows the present holder, which can be ended.'
            : 'The lock has changed hands meanwhile: no holder was ended.'
          : `Ended: pid ${ended.join(', ')}. Its locks are free.`,
      );
      this.#setStage('done');
    } catch (error) {
      this.#showError(
        error instanceof Refusal
          ? error.message
          : 'The server did not respond: it is not known whether the holder was ended.',
      );
      this.#setStage('asking');
    }
    this.refresh();
  }

  /**
   * @param {TerminateRequest} request
   * @returns {Promise<TerminateResult>}
   */
  async #send(request) {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-requested-with': 'nestjs-advisory-lock' },
      body: JSON.stringify(request),
    });
    return /** @type {TerminateResult} */ (await bodyOf(response));
  }

  /** @param {'asking' | 'sending' | 'done'} stage */
  #setStage(stage) {
    const isDone = stage === 'done';
    show(byId('terminate-ask'), !isDone);
    show(byId('terminate-meaning'), !isDone);
    show(this.#confirm, !isDone);
    this.#confirm.disabled = stage === 'sending';
    const cancel = byId('terminate-cancel');
    setText(cancel, isDone ? 'Close' : 'Cancel');
    if (isDone) cancel.focus();
  }

  /** @param {string} text */
  #showError(text) {
    setText(byId('terminate-error'), text);
    this.#reason.ariaInvalid = String(text !== '');
  }
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
