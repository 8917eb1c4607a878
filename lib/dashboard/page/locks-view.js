/** @import { DashboardLock, DashboardSnapshot } from '../server/dashboard-snapshot.js' */
/** @import { LockActions } from './lock-row.js' */
import { byId, setText, show } from './dom.js';
import { counted, number } from './format.js';
import { keyedList } from './keyed-list.js';
import { lockRow } from './lock-row.js';

/**
 * How many locks the page asks for: first the first number, then the next on demand. No one would read more.
 */
const LIMITS = [200, 500, 1_000, 2_000];

/** @param {number} limit */
const afterLimit = (limit) => LIMITS.find((each) => each > limit);

/**
 * Claims on ticks are left out of the list, because there are as many as ticks.
 *
 * @param {number} claims
 */
function claimsText(claims) {
  return claims === 0 ? '' : `, and ${counted(claims, 'claim')} on ticks, found by search`;
}

/**
 * The list of locks.
 *
 * @param {LockActions} actions
 * @param {{ limit: number, refresh: () => void }} feed
 */
export function locksView(actions, feed) {
  const put = keyedList(
    byId('lock-list'),
    /** @param {DashboardLock} lock */ ({ key }) => key.id,
    (lock) => lockRow(lock, actions),
  );
  const more = byId('locks-more-button');
  more.addEventListener('click', () => {
    feed.limit = afterLimit(feed.limit) ?? feed.limit;
    feed.refresh();
  });

  /**
   * @param {DashboardSnapshot} snapshot
   * @param {string} search
   */
  return ({ locks, counts, problem }, search) => {
    put(locks);
    const { matching } = counts;
    const isSearching = search !== '';
    setText(
      byId('locks-summary'),
      isSearching
        ? `${number(matching)} of ${counted(counts.locks, 'lock')} match`
        : counted(counts.locks, 'lock') + claimsText(counts.claims),
    );
    show(byId('locks-empty'), locks.length === 0);
    setText(
      byId('locks-empty'),
      problem !== undefined
        ? 'The locks are not available at the moment.'
        : isSearching
          ? `No lock that is held or waited for matches “${search}”.`
          : 'No advisory lock is held or waited for.',
    );
    const next = afterLimit(feed.limit);
    show(byId('locks-more'), locks.length < matching);
    setText(
      byId('locks-more-text'),
      `${number(locks.length)} of ${number(matching)} are listed, those with waiters first. ` +
        'Search to narrow them down.',
    );
    show(more, next !== undefined);
    if (next !== undefined) setText(more, `Show ${number(Math.min(next, matching))}`);
  };
}
