import { formatDuration } from '../inspection/format-duration.js';
import { heldFor } from '../inspection/held-for.js';
import type { InspectedLock } from '../inspection/inspected-lock.js';
import { type Column, tableOf } from './table.js';
import { addressOf, shownHolder } from './shown-holder.js';

/** The locks of the database at one moment, by the clock of the server. */
export interface LockView {
  readonly now: Date;
  readonly locks: readonly InspectedLock[];
}

interface Row {
  readonly lock: InspectedLock;
  readonly now: Date;
}

const columns: readonly Column<Row>[] = [
  { title: 'LOCK', text: ({ lock }) => lock.name ?? lock.key.id, minWidth: 12 },
  { title: 'TOOL', text: ({ lock }) => lock.tool ?? '', minWidth: 8 },
  { title: 'MODE', text: ({ lock }) => lock.mode },
  { title: 'STATE', text: ({ lock }) => stateOf(lock) },
  { title: 'FOR', text: ({ lock, now }) => durationOf(lock, now) },
  { title: 'BY', text: ({ lock }) => partyOf(lock), minWidth: 10 },
  { title: 'PID', text: ({ lock }) => String(lock.backend?.pid ?? '') },
  { title: 'ADDRESS', text: ({ lock }) => addressOf(lock) ?? '', minWidth: 10 },
];

/** A title, and a line for each holder and waiter; a lock and its queue stand together. */
export function locksTable({ locks, now }: LockView, width: number): string[] {
  const rows = locks.map((lock) => ({ lock, now }));
  // An empty column would take space from the others.
  const shown = columns.filter(({ title, text }) => title !== 'TOOL' || rows.some((row) => text(row) !== ''));
  return tableOf(shown, rows, width);
}

/** `3 locks held, 1 waits`, and how many claims and locks of BullMQ are not listed. */
export function countsOf(locks: readonly InspectedLock[], claims: number, ofTools = 0): string {
  const held = new Set(locks.filter(({ isGranted }) => isGranted).map(({ key }) => key.id)).size;
  const waiting = locks.filter(({ isGranted }) => !isGranted).length;
  const counts = `${held} lock${held === 1 ? '' : 's'} held, ${waiting} wait${waiting === 1 ? 's' : ''}`;
  const left = [
    claims > 0 && `${claims} claim${claims === 1 ? '' : 's'} on ticks of jobs left out, --claims lists them`,
    ofTools > 0 && `${ofTools} lock${ofTools === 1 ? '' : 's'} of BullMQ left out, --tools lists them`,
  ];
  return [counts, ...left.filter((part) => part !== false)].join('; ');
}

/** Locks with the most waiters first, then those that have been held longest; each followed by its queue. */
export function sortedLocks({ locks, now }: LockView): InspectedLock[] {
  const byKey = new Map<string, InspectedLock[]>();
  for (const lock of locks) {
    const same = byKey.get(lock.key.id);
    if (same === undefined) byKey.set(lock.key.id, [lock]);
    else same.push(lock);
  }
  const queues = [...byKey.values()].map((queue) => ({
    queue,
    waiters: queue.filter(({ isGranted }) => !isGranted).length,
    heldMs: Math.max(...queue.map((lock) => heldFor(lock, now)?.ms ?? 0)),
  }));
  queues.sort((a, b) => b.waiters - a.waiters || b.heldMs - a.heldMs);
  return queues.flatMap(({ queue }) => queue);
}

function stateOf({ isGranted, callsWaiting = 0 }: InspectedLock): string {
  return (isGranted ? 'held' : 'waits') + (callsWaiting > 0 ? ` +${callsWaiting}` : '');
}

function partyOf(lock: InspectedLock): string {
  return lock.isUnconfirmed === true ? `${shownHolder(lock)} (unconfirmed)` : shownHolder(lock);
}

function durationOf(lock: InspectedLock, now: Date): string {
  if (!lock.isGranted) return lock.waitingMs === undefined ? '' : formatDuration(lock.waitingMs);
  const held = heldFor(lock, now);
  return held === undefined ? '?' : `${held.isAtLeast ? '≥ ' : ''}${formatDuration(held.ms)}`;
}
