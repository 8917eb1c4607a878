/** @import { DashboardLock, DashboardParty } from '../server/dashboard-snapshot.js' */
import { lockTitle, partyTitle } from './format.js';

/**
 * A waiter or a blocker: a backend, or an instance that waits without one. An instance is not one node,
 * because its calls wait separately: two instances that wait for each other's locks would look like a
 * deadlock.
 *
 * @typedef {object} WaitNode
 * @property {string} id
 * @property {string} title
 * @property {number} [pid]
 * @property {boolean} isPrepared Whether it is a prepared transaction, which has no backend.
 * @property {Map<string, WaitNodeLock>} locks By the key's id: the locks that it waits for, or holds while
 * others wait.
 */

/**
 * @typedef {object} WaitNodeLock
 * @property {string} title
 * @property {boolean} isHeld
 * @property {number} [sinceMs]
 */

/**
 * @typedef {object} WaitArrow
 * @property {string} from The node that waits.
 * @property {string} to The node that it waits for.
 * @property {string} key
 * @property {string} lock The title of the lock.
 * @property {'holds' | 'queues'} because Whether the other one holds the lock, or stands before it in the
 * queue.
 */

/** @typedef {{ nodes: WaitNode[], arrows: WaitArrow[] }} Waits */

/**
 * The nodes and arrows of the wait graph. Each waiter also waits for those before it in the queue. The order
 * of a lock's waiters shows that; an arrow does only for a waiter that waits for no holder, such as a reader
 * behind a writer.
 *
 * @param {readonly DashboardLock[]} locks
 * @returns {Waits}
 */
export function waitsOf(locks) {
  /** @type {Map<string, WaitNode>} */
  const nodes = new Map();
  /** @type {Map<string, WaitArrow>} */
  const arrows = new Map();

  /**
   * @param {DashboardLock} lock
   * @param {DashboardParty} party
   * @param {boolean} isHeld
   */
  function nodeOf(lock, party, isHeld) {
    const id = nodeId(party);
    /** @type {WaitNode} */
    const node = nodes.get(id) ?? {
      id,
      title: partyTitle(party),
      isPrepared: party.pid === undefined && party.instance === undefined,
      locks: new Map(),
      ...(party.pid !== undefined && { pid: party.pid }),
    };
    nodes.set(id, node);
    // A backend that holds a lock in one mode and waits for it in another is shown as its holder.
    const before = node.locks.get(lock.key.id);
    if (before === undefined || (isHeld && !before.isHeld)) {
      node.locks.set(lock.key.id, {
        title: lockTitle(lock),
        isHeld,
        ...(party.sinceMs !== undefined && { sinceMs: party.sinceMs }),
      });
    }
    return id;
  }

  for (const lock of locks.filter(({ waiters }) => waiters.length > 0)) {
    for (const waiter of lock.waiters) {
      const from = nodeOf(lock, waiter, false);
      for (const { party, because } of blockersOf(lock, waiter)) {
        const to = nodeOf(lock, party, because === 'holds');
        arrows.set([from, to, lock.key.id].join('\n'), {
          from,
          to,
          key: lock.key.id,
          lock: lockTitle(lock),
          because,
        });
      }
    }
  }
  return { nodes: [...nodes.values()], arrows: [...arrows.values()] };
}

/**
 * The parties that a waiter waits for.
 *
 * @param {DashboardLock} lock
 * @param {DashboardParty} waiter
 * @returns {{ party: DashboardParty, because: 'holds' | 'queues' }[]}
 */
export function blockersOf({ holders, waiters }, waiter) {
  /** @param {DashboardParty} party */
  const blocks = ({ pid }) => waiter.blockedBy.includes(pid ?? 0);
  // An instance that waits without a connection is in no queue: it waits for all holders of the lock.
  const held = waiter.pid === undefined ? holders : holders.filter(blocks);
  if (held.length > 0) return held.map((party) => ({ party, because: 'holds' }));
  const before = waiters
    .filter((other) => other !== waiter && other.pid !== undefined && blocks(other))
    .at(-1);
  return before === undefined ? [] : [{ party: before, because: 'queues' }];
}

/** @param {DashboardParty} party */
function nodeId({ instance, pid, backendId }) {
  if (pid !== undefined) return `backend ${backendId ?? pid}`;
  return instance === undefined ? 'prepared' : `instance ${instance}`;
}
