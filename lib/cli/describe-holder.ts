import { printable } from '../core/index.js';
import { formatDuration } from '../inspection/format-duration.js';
import { clockTime, sinceWhen } from './ago.js';
import { heldFor } from '../inspection/held-for.js';
import type { PreparedTransaction } from './prepared-holders.js';
import type { InspectedLock } from '../inspection/inspected-lock.js';
import { addressOf, shownHolder } from './shown-holder.js';

const NOT_RECORDED = 'Postgres does not record when a lock is granted.';

const UNCONFIRMED =
  'It has responded, but unconfirmed, so nothing of that is shown: it has another role than this command, ' +
  'or not the secret of the fleet (ADVISORY_LOCK_FLEET_SECRET).';

/** A holder of a lock, since when it holds it, and what its connection does, in sentences. */
export function describeHolder(
  lock: InspectedLock,
  otherLocks: readonly InspectedLock[],
  now: Date,
): string[] {
  const { callsWaiting = 0 } = lock;
  return [
    sinceWhenHeld(lock, now),
    describeBackend(lock, now),
    ...(lock.isUnconfirmed === true ? [UNCONFIRMED] : []),
    ...describeState(lock, now),
    describeScope(lock) +
      (otherLocks.length > 0
        ? ` The connection has ${otherLocks.length} other lock${otherLocks.length === 1 ? '' : 's'} as well.`
        : ''),
    ...(callsWaiting > 0 ? [`Inside that instance, ${calls(callsWaiting)} for it.`] : []),
  ];
}

/** A holder without a backend, in sentences. */
export function describePrepared({ gid, owner, preparedAt }: PreparedTransaction, now: Date): string[] {
  const preparedMs = now.getTime() - preparedAt.getTime();
  return [
    `The prepared transaction "${printable(gid)}" of the user ${printable(owner)} holds it for at least ` +
      `${formatDuration(preparedMs)}: it was prepared at ${clockTime(preparedAt, now)}.`,
    'It has no connection, and survives restarts of the server. ' +
      'It lasts until it is committed or rolled back.',
  ];
}

/** Since when it is held, as far as is known. */
export function sinceWhenHeld(lock: InspectedLock, now: Date): string {
  const { backend, mode } = lock;
  const has = `${shownHolder(lock)} has held it ${mode === 'shared' ? 'shared' : 'exclusively'}`;
  const held = heldFor(lock, now);
  if (held !== undefined && !held.isAtLeast) {
    return `${has} since ${sinceWhen(new Date(now.getTime() - held.ms), now)}.`;
  }
  if (held !== undefined) {
    const idleSince = clockTime(new Date(now.getTime() - held.ms), now);
    return (
      `${has} for at least ${formatDuration(held.ms)}: its connection has been idle since ${idleSince}. ` +
      NOT_RECORDED
    );
  }
  if (backend?.startedAt === undefined) {
    return `${has}; since when cannot be seen without the role pg_read_all_stats.`;
  }
  const connectedMs = now.getTime() - backend.startedAt.getTime();
  const atMost = `${has} for at most ${formatDuration(connectedMs)}, since its connection was opened.`;
  return lock.instance !== undefined && lock.isUnconfirmed !== true
    ? `${atMost} Only the instance itself knows since when exactly, and it did not respond.`
    : `${atMost} ${NOT_RECORDED}`;
}

function describeBackend(lock: InspectedLock, now: Date): string {
  const { pid, user, applicationName, startedAt } = lock.backend ?? {};
  const address = addressOf(lock);
  const parts = [`Its connection is the backend with the pid ${String(pid)}`];
  if (applicationName) parts.push(`application "${printable(applicationName)}"`);
  if (user !== undefined) parts.push(`user "${printable(user)}"`);
  if (address !== undefined) parts.push(`from ${address}`);
  // A local connection has no address, and the address of another may be hidden from this role.
  else if (startedAt !== undefined) parts.push('on the machine of the server');
  if (startedAt !== undefined) parts.push(`open since ${sinceWhen(startedAt, now)}`);
  return `${parts.join(', ')}.`;
}

function describeState(lock: InspectedLock, now: Date): string[] {
  const { state, stateChangedAt, transactionStartedAt } = lock.backend ?? {};
  // `sinceWhenHeld` has said that it is idle, when that is all that is known.
  if (state === undefined || (state === 'idle' && heldFor(lock, now)?.isAtLeast === true)) return [];
  const since = stateChangedAt === undefined ? '' : ` since ${sinceWhen(stateChangedAt, now)}`;
  if (state === 'active') return [`It has been running a statement${since}.`];
  if (!state.startsWith('idle in transaction')) return [`It has been ${state}${since}.`];
  const aborted = state.includes('aborted') ? ' that has failed' : '';
  const begun =
    transactionStartedAt === undefined ? '' : `, begun at ${clockTime(transactionStartedAt, now)}`;
  return [`It has been idle${since} in a transaction${aborted}${begun}.`];
}

function describeScope({ scope }: InspectedLock): string {
  if (scope === 'session')
    return 'It is a session lock: it lasts until it is released, or the connection ends.';
  if (scope === 'transaction') return 'It is a transaction lock: it lasts until the transaction ends.';
  return (
    'It is in a transaction, so Postgres does not say whether the lock belongs to the session or to ' +
    'the transaction.'
  );
}

/** `1 call waits`, `2 calls wait`. */
export function calls(count: number): string {
  return count === 1 ? '1 call waits' : `${count} calls wait`;
}

/** The role and the address, as far as they may be seen. */
export function whereFrom(lock: InspectedLock): string[] {
  const user = lock.backend?.user;
  const address = addressOf(lock);
  return [
    ...(user === undefined ? [] : [`user "${printable(user)}"`]),
    ...(address === undefined ? [] : [`from ${address}`]),
  ];
}
