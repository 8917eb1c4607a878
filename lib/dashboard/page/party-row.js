/** @import { DashboardLock, DashboardParty } from '../server/dashboard-snapshot.js' */
/** @import { Row } from './keyed-list.js' */
import { element, setAttribute, setText, show } from './dom.js';
import { clipped, counted, partyTitle, since } from './format.js';
import { nameText } from './name-text.js';

/**
 * What a row needs to know about its lock and about the page.
 *
 * @typedef {object} PartyContext
 * @property {'holder' | 'waiter'} role
 * @property {() => boolean} isOpen Whether the details are shown.
 * @property {() => boolean} canTerminate
 * @property {(party: DashboardParty) => void} terminate
 */

/**
 * The same key for the same backend only: pids are reused.
 *
 * @param {DashboardParty} party
 */
export function partyKey({ pid, backendId, instance, mode }) {
  return [backendId ?? pid ?? '', instance ?? '', mode].join('|');
}

/**
 * A holder or waiter of a lock.
 *
 * @param {PartyContext} context
 * @returns {Row<DashboardParty>}
 */
export function partyRow({ role, isOpen, canTerminate, terminate }) {
  const who = element('bdi', 'who');
  const time = element('span', 'since');
  const facts = element('span', 'party-facts');
  const calls = element('span', 'tag calls');
  const mode = element('span', 'tag', 'shared');
  const unconfirmed = element('span', 'tag warning', 'unconfirmed');
  const more = element('dl', 'facts');
  const end = element('button', 'end danger-outline', 'End …');
  end.type = 'button';
  const row = element(
    'li',
    `party ${role}`,
    element('p', '', who, mode, unconfirmed, calls, time, facts),
    end,
    more,
  );
  /** @type {DashboardParty | undefined} */
  let current;
  let shownFacts = '';
  end.addEventListener('click', () => {
    if (current !== undefined) terminate(current);
  });
  return {
    element: row,
    update(party) {
      current = party;
      const { pid, clientAddress, callsWaiting = 0 } = party;
      const title = partyTitle(party);
      setText(who, isOpen() ? title : clipped(title));
      const known = since(party);
      setText(time, known === '' ? '' : role === 'holder' ? `for ${known}` : `waits ${known}`);
      const place = [pid === undefined ? '' : `pid ${pid}`, clientAddress ?? ''].filter(
        (text) => text !== '',
      );
      setText(facts, place.join(' · '));
      show(mode, party.mode === 'shared');
      show(unconfirmed, party.isUnconfirmed === true);
      show(calls, callsWaiting > 0);
      setText(
        calls,
        role === 'holder' ? `${counted(callsWaiting, 'call')} inside` : counted(callsWaiting, 'call'),
      );
      const waitVerb = callsWaiting === 1 ? 'waits' : 'wait';
      const callsTitle =
        role === 'holder'
          ? `${counted(callsWaiting, 'call')} inside this instance ${waitVerb} for the lock`
          : `${counted(callsWaiting, 'call')} inside that instance ${waitVerb} behind this one`;
      setAttribute(calls, 'title', callsTitle);
      const canEnd =
        role === 'holder' && canTerminate() && pid !== undefined && party.backendId !== undefined;
      show(end, canEnd);
      if (canEnd) setAttribute(end, 'aria-label', `End ${clipped(title)}, pid ${pid} …`);
      show(more, isOpen());
      if (isOpen()) {
        const text = JSON.stringify(factsOf(party, role));
        if (text !== shownFacts) fillFacts(more, factsOf(party, role));
        shownFacts = text;
      }
    },
  };
}

/**
 * @param {DashboardParty} party
 * @param {'holder' | 'waiter'} role
 * @returns {[what: string, text: string][]}
 */
function factsOf(party, role) {
  /** @type {[string, string | undefined][]} */
  const facts = [
    ['Application', party.applicationName],
    ['Role', party.user],
    ['State', party.state],
    ['Lasts for its', party.scope],
    [
      'Waits for pids',
      role === 'waiter' && party.blockedBy.length > 0 ? party.blockedBy.join(', ') : undefined,
    ],
    ['Since', party.sinceMs === undefined ? 'unknown' : undefined],
  ];
  return facts.filter(
    /** @returns {fact is [string, string]} */ (fact) => fact[1] !== undefined && fact[1] !== '',
  );
}

/**
 * @param {HTMLElement} list A `dl`.
 * @param {readonly (readonly [what: string, text: string])[]} facts
 */
export function fillFacts(list, facts) {
  list.replaceChildren(
    ...facts.map(([what, text]) => {
      const value = nameText();
      value.update(text);
      return element('div', '', element('dt', '', what), element('dd', '', value.element));
    }),
  );
}
