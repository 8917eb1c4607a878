/** @import { DashboardLock, DashboardParty } from '../server/dashboard-snapshot.js' */
/** @import { Row } from './keyed-list.js' */
import { element, icon, setAttribute, setText, show } from './dom.js';
import { clipped, counted, lockTitle, number } from './format.js';
import { keyForms } from './key-forms.js';
import { keyedList } from './keyed-list.js';
import { fillFacts, partyKey, partyRow } from './party-row.js';

/** How many holders, and how many waiters, a row shows before it is opened. */
const AT_FIRST = 3;

/**
 * @typedef {object} LockActions
 * @property {() => boolean} canTerminate
 * @property {(lock: DashboardLock, holder: DashboardParty) => void} terminate
 */

let made = 0;

/**
 * A lock: its name, its holders, its waiters, and on demand everything that is known about it.
 *
 * @param {DashboardLock} first
 * @param {LockActions} actions
 * @returns {Row<DashboardLock>}
 */
export function lockRow(first, { canTerminate, terminate }) {
  let current = first;
  let isOpen = false;

  const title = element('bdi');
  const tool = element('span', 'tag', 'another tool');
  const key = element('code', 'lock-key');
  const details = element('dl', 'facts lock-details');
  details.id = `lock-details-${(made += 1)}`;
  fillFacts(details, keyForms(first.key));

  const toggle = element('button', 'plain disclose', icon('chevron'));
  toggle.type = 'button';
  toggle.setAttribute('aria-controls', details.id);
  toggle.addEventListener('click', () => {
    isOpen = !isOpen;
    update(current);
  });

  const holders = parties('holder');
  const waiters = parties('waiter');
  const row = element(
    'li',
    'lock',
    element('div', 'lock-what', element('h3', '', title), element('p', '', tool, key)),
    holders.element,
    waiters.element,
    toggle,
    details,
  );

  /** @param {'holder' | 'waiter'} role */
  function parties(role) {
    const list = element(role === 'holder' ? 'ul' : 'ol', 'parties');
    list.ariaLabel = role === 'holder' ? 'Held by' : 'Waiting, the next in the queue first';
    const none =
      role === 'holder'
        ? element('p', 'muted none', 'no holder')
        : element('p', 'muted none', dash(), element('span', 'visually-hidden', 'No waiters'));
    const rest = element('button', 'link');
    rest.type = 'button';
    rest.addEventListener('click', () => {
      isOpen = true;
      update(current);
      toggle.focus();
    });
    const put = keyedList(list, partyKey, () =>
      partyRow({
        role,
        isOpen: () => isOpen,
        canTerminate,
        terminate: (holder) => {
          terminate(current, holder);
        },
      }),
    );
    const label = element('p', 'cell-label', role === 'holder' ? 'Held by' : 'Waiting');
    label.ariaHidden = 'true';
    return {
      element: element('div', `lock-${role}s`, label, list, none, rest),
      /** @param {readonly DashboardParty[]} all */
      update(all) {
        put(isOpen ? all : all.slice(0, AT_FIRST));
        show(list, all.length > 0);
        show(none, all.length === 0);
        const hidden = isOpen ? 0 : Math.max(0, all.length - AT_FIRST);
        show(rest, hidden > 0);
        setText(rest, `and ${number(hidden)} more`);
      },
    };
  }

  /** @param {DashboardLock} lock */
  function update(lock) {
    current = lock;
    const shownTitle = lockTitle(lock);
    setText(title, isOpen ? shownTitle : clipped(shownTitle));
    setAttribute(title, 'title', shownTitle.length > 60 ? shownTitle : '');
    setText(key, lock.key.id);
    show(key, shownTitle !== lock.key.id);
    show(tool, lock.tool !== undefined);
    row.classList.toggle('contended', lock.waiters.length > 0);
    row.classList.toggle('unnamed', lock.name === undefined && lock.tool === undefined);
    row.classList.toggle('open', isOpen);
    setAttribute(toggle, 'aria-expanded', String(isOpen));
    setAttribute(
      toggle,
      'aria-label',
      `Details of ${shownTitle.slice(0, 80)}, ${counted(lock.waiters.length, 'waiter')}`,
    );
    show(details, isOpen);
    holders.update(lock.holders);
    waiters.update(lock.waiters);
  }

  return { element: row, update };
}

/** A dash is less distracting than words in every row. */
function dash() {
  const made = element('span', '', '–');
  made.ariaHidden = 'true';
  return made;
}
