/** @import { DashboardLock, DashboardParty, DashboardSnapshot } from '../server/dashboard-snapshot.js' */
import { byId, element, setText, show } from './dom.js';
import { clipped, counted, lockTitle, number, partyTitle, since } from './format.js';
import { keyedList } from './keyed-list.js';
import { partyKey } from './party-row.js';
import { waitGraph } from './wait-graph.js';
import { blockersOf, waitsOf } from './waits.js';

/** How many boxes a drawing has at most, for the longest waits. More arrows are impossible to follow. */
const MAX_BOXES = 60;

/** The wait graph, and the same in words. */
export function waitsView() {
  const graph = waitGraph(byId('graph'));
  const putSentences = keyedList(
    byId('waits-list'),
    /** @param {{ key: string, text: string }} sentence */ ({ key }) => key,
    () => {
      const text = element('bdi');
      return {
        element: element('li', '', text),
        update: (sentence) => {
          setText(text, sentence.text);
        },
      };
    },
  );

  /**
   * @param {DashboardSnapshot} snapshot
   * @param {string} search
   */
  return ({ locks, counts, problem, deadlocks }, search) => {
    const contended = locks.filter(({ waiters }) => waiters.length > 0);
    const { waits, isWhole } = drawable(contended);
    const hasAny = contended.length > 0;
    show(byId('graph'), hasAny);
    show(byId('waits-words'), hasAny);
    show(byId('waits-empty'), !hasAny);
    setText(
      byId('waits-empty'),
      problem === undefined ? noWaits(counts.waiters, search) : 'Not available at the moment.',
    );
    setText(
      byId('waits-summary'),
      isWhole ? '' : `only the longest waits are drawn, in ${number(MAX_BOXES)} boxes`,
    );
    if (hasAny) graph(waits);
    show(byId('deadlocks'), deadlocks.length > 0);
    setText(byId('deadlocks'), deadlocks.map((cycle) => `Deadlock: ${cycle}`).join('\n'));
    putSentences(contended.flatMap(sentencesOf));
  };
}

/**
 * @param {number} waiters
 * @param {string} search
 */
function noWaits(waiters, search) {
  if (waiters === 0) return 'No lock is waited for.';
  return search === ''
    ? `${counted(waiters, 'waiter')} for locks that are not listed.`
    : `No lock that matches the search is waited for. ${counted(waiters, 'waiter')} for other locks.`;
}

/**
 * As many of the locks as can be drawn, the longest wait first.
 *
 * @param {readonly DashboardLock[]} contended
 */
function drawable(contended) {
  let count = 0;
  /** @type {DashboardLock[]} */
  const drawn = [];
  for (const lock of contended) {
    const room = MAX_BOXES - count;
    if (room < 2) break;
    const holders = lock.holders.slice(0, room - 1);
    drawn.push({ ...lock, holders, waiters: lock.waiters.slice(0, room - holders.length) });
    count += lock.holders.length + lock.waiters.length;
  }
  return { waits: waitsOf(drawn), isWhole: count <= MAX_BOXES && drawn.length === contended.length };
}

/** @param {DashboardLock} lock */
function sentencesOf(lock) {
  return lock.waiters.map((waiter) => {
    const blockers = blockersOf(lock, waiter);
    const names = blockers.map(({ party }) => withPid(party)).join(', ');
    const why =
      blockers[0]?.because === 'queues'
        ? `, behind ${names}`
        : `, which ${names} ${blockers.length === 1 ? 'holds' : 'hold'}`;
    const time = since(waiter);
    const wait = `${withPid(waiter)} waits${time === '' ? '' : ` ${time}`}`;
    return {
      key: `${lock.key.id}|${partyKey(waiter)}`,
      text: `${wait} for ${clipped(lockTitle(lock))}${blockers.length === 0 ? '' : why}.`,
    };
  });
}

/** @param {DashboardParty} party */
function withPid(party) {
  const title = clipped(partyTitle(party));
  return party.pid === undefined || title.startsWith('pid ') ? title : `${title} (pid ${party.pid})`;
}
