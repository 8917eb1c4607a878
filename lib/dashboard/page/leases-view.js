/** @import { DashboardLease, DashboardLeases } from '../server/dashboard-leases.js' */
/** @import { Row } from './keyed-list.js' */
import { element, setText, show } from './dom.js';
import { clipped, counted, duration, moment } from './format.js';
import { keyedList } from './keyed-list.js';
import { nameText } from './name-text.js';
import { bodyOf, Refusal } from './snapshot-feed.js';

/** How often the leases are asked for: they are read from a table. */
const EVERY_MS = 5_000;

/** @typedef {{ lease: DashboardLease, nowMs: number }} LeaseNow */

/**
 * The leases that are held, those that end first at the beginning. They are read only while they are shown.
 *
 * @param {HTMLElement} panel
 */
export function leasesView(panel) {
  const list = element('ul', 'instance-list');
  const note = element('p', 'empty');
  panel.append(list, note);
  const put = keyedList(
    list,
    /** @param {LeaseNow} each */ ({ lease }) => `${lease.name}\n${lease.fencingToken}`,
    leaseRow,
  );
  let askedAt = -Infinity;
  let isAsking = false;

  async function load() {
    if (isAsking) return;
    isAsking = true;
    askedAt = performance.now();
    try {
      const response = await fetch(new URL('leases', import.meta.url), {
        headers: { accept: 'application/json' },
      });
      update(/** @type {DashboardLeases} */ (await bodyOf(response)));
    } catch (error) {
      say(error instanceof Refusal ? error.message : 'The server does not respond.');
    } finally {
      isAsking = false;
    }
  }

  /** @param {DashboardLeases} seen */
  function update({ at, count, leases, problem }) {
    const nowMs = Date.parse(at);
    put(leases.map((lease) => ({ lease, nowMs })));
    const hidden = count - leases.length;
    say(
      problem ?? (count === 0 ? 'No lease is held.' : hidden === 0 ? '' : `and ${counted(hidden, 'other')}`),
    );
    // Where there is no table, each question would be an error in the log of the server.
    if (problem !== undefined) askedAt = Infinity;
  }

  /** @param {string} text */
  function say(text) {
    setText(note, text);
    show(note, text !== '');
  }

  return {
    /** Asks for them at once. */
    open() {
      void load();
    },
    /** Asks for them again when they are old. */
    refresh() {
      if (!panel.hidden && performance.now() - askedAt >= EVERY_MS) void load();
    },
  };
}

/** @returns {Row<LeaseNow>} */
function leaseRow() {
  const name = nameText('who');
  const end = element('span', 'since');
  const facts = element('bdi');
  return {
    element: element('li', '', name.element, end, element('span', 'muted', facts)),
    update({ lease: { name: text, owner, fencingToken, since, expiresAt }, nowMs }) {
      const [sinceMs, endMs] = [Date.parse(since), Date.parse(expiresAt)];
      name.update(text);
      setText(end, endMs <= nowMs ? 'ends now' : `ends in ${duration(endMs - nowMs)}`);
      setText(
        facts,
        `${clipped(owner)}, since ${moment(sinceMs, nowMs)}, until ${moment(endMs, nowMs)} unless it is ` +
          `extended, fencing token ${fencingToken}`,
      );
    },
  };
}
