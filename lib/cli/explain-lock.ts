import { describeCycle, printable } from '../core/index.js';
import { formatDuration } from '../inspection/format-duration.js';
import { describeLease } from './describe-lease.js';
import { calls, describeHolder, describePrepared } from './describe-holder.js';
import { describeWaiter, listed } from './describe-waiter.js';
import type { LockStory, TryingInstance } from './lock-story.js';
import { capitalize } from './words.js';
import type { InspectedLock } from '../inspection/inspected-lock.js';
import { namesakesOf, otherLocksOf } from './other-locks.js';
import { rollbackOf } from './prepared-holders.js';
import { shownHolder } from './shown-holder.js';

const OTHER_KEYS =
  'If an application does hold a lock of that name, it uses another key: see --namespace, --scheme and ' +
  '--permits.';

/** The holders of a lock, since when, its waiters, and how to end a holder, in words. */
export function explainLock(story: LockStory): string {
  const { holders, waiters, prepared, now } = story;
  const nameOf = namesByPid(story);
  const paragraphs = [
    [capitalize(summary(story)), ...describeKey(story)],
    ...prepared.map((transaction) => describePrepared(transaction, now)),
    ...holders
      .filter(({ backend }) => backend !== undefined)
      .map((lock) => describeHolder(lock, otherLocksOf(story, lock), now)),
  ];
  paragraphs.push(describeOtherSchemes(story));
  if (holders.length === 0 && story.name !== undefined) paragraphs.push(describeNamesakes(story));
  if (waiters.length > 0) paragraphs.push(describeQueue(waiters, nameOf, now));
  paragraphs.push(story.trying.map(describeTrying));
  if (story.deadlock !== undefined)
    paragraphs.push(['The waits are a deadlock:', printable(describeCycle(story.deadlock))]);
  if (story.lease !== undefined) paragraphs.push(describeLeaseOf(story, story.lease));
  paragraphs.push(describeCure(story));
  return paragraphs
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function summary({ label, permits, holders, waiters, trying }: LockStory): string {
  const count = waiters.length + trying.length;
  const queue = count === 0 ? 'no one waits' : `${count} wait${count === 1 ? 's' : ''}`;
  if (holders.length === 0) return `${label} is free: no one holds it, and ${queue} for it.`;
  const holderNames = listed(holders.map(shownHolder));
  if (permits > 1) {
    return (
      `${holders.length} of the ${permits} permits of ${label} are held, by ${holderNames}, ` +
      `and ${queue} for one.`
    );
  }
  const shared = holders[0]?.mode === 'shared' ? ' shared' : '';
  return `${label} is held${shared} by ${holderNames}, and ${queue} for it.`;
}

function describeKey({ keyId, holders, waiters, name, permits }: LockStory): string[] {
  const tool = [...holders, ...waiters].find((lock) => lock.tool !== undefined)?.tool;
  if (name === undefined) return tool === undefined ? [] : [`It is the key of ${tool}.`];
  const known = permits > 1 ? 'The key of its first permit is' : 'Its key is';
  return [`${known} ${keyId}${tool === undefined ? '' : `, the key of ${tool}`}.`];
}

function describeNamesakes(story: LockStory): string[] {
  const namesakes = namesakesOf(story).map((name) => `"${printable(name)}"`);
  if (namesakes.length === 0) return [OTHER_KEYS];
  return [`There is ${listed(namesakes)}, though, which is another key: see --namespace.`];
}

/** Of a name that another program locks by its own formula, the two locks do not exclude each other. */
function describeOtherSchemes({ label, ofOtherSchemes = [] }: LockStory): string[] {
  return ofOtherSchemes.map(({ scheme, lock }) => {
    const what = lock.isGranted ? 'is held' : 'is waited for';
    return (
      `By the key scheme ${scheme}, ${label} is another lock, ${lock.key.id}, which ${what} by ` +
      `${shownHolder(lock)}: see --scheme ${scheme}.`
    );
  });
}

function describeTrying({ instance, calls: count, waitedMs }: TryingInstance): string {
  const first = waitedMs === undefined ? '' : `, the first for ${formatDuration(waitedMs)}`;
  return (
    `Inside ${printable(instance)}, ${calls(count)} without a place in the queue${first}: ` +
    'it tries again and again.'
  );
}

function describeLeaseOf({ now, asArguments }: LockStory, lease: NonNullable<LockStory['lease']>): string[] {
  return [
    'There is a lease of that name, which is independent of the lock:',
    `${describeLease(lease.held, now)}.`,
    `To end it: nestjs-advisory-lock kill ${asArguments} ${lease.killArguments}`,
  ];
}

function describeQueue(
  waiters: readonly InspectedLock[],
  nameOf: (pid: number) => string,
  now: Date,
): string[] {
  const lines = waiters.map((lock, n) => `${n + 1}. ${describeWaiter(lock, nameOf, now).join(' ')}`);
  return ['The queue, the next waiter first:', ...lines];
}

function describeCure({ holders, prepared, asArguments }: LockStory): string[] {
  const cures = prepared.map(
    (transaction) => `To end the prepared transaction: ${rollbackOf(transaction)}, in this database.`,
  );
  const backends = holders.flatMap(({ backend }) => backend ?? []);
  if (backends.length === 0) return cures;
  const isOne = backends.length === 1;
  const killCommand = `nestjs-advisory-lock kill ${asArguments}`;
  cures.push(
    `To end the ${isOne ? "holder's connection" : 'connection of one holder'}, with all locks that it has: ` +
      (isOne ? killCommand : `${killCommand} --pid ${String(backends[0]?.pid)}`),
  );
  return cures;
}

function namesByPid({ holders, waiters }: LockStory): (pid: number) => string {
  const names = new Map([...waiters, ...holders].map((lock) => [lock.backend?.pid ?? 0, shownHolder(lock)]));
  return (pid) => names.get(pid) ?? (pid === 0 ? 'a prepared transaction' : `the backend ${pid}`);
}
