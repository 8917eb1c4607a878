import type { Hold } from './hold.js';

/**
 * A time in which the server, or a pooler in front of it, ended sessions of a
 * worker, and with them freed their locks.
 */
export interface SessionsEnded {
  readonly worker: number;
  readonly fromUs: number;
  readonly toUs: number;
  /** Whether no session of the worker outlived it, as after a crash of the server. */
  readonly areAll?: boolean;
  /** The backend of the only session that ended. */
  readonly pid?: number;
}

/**
 * A time in which nothing reached a worker: it was stopped, its event loop was
 * blocked, or its connections were silent.
 */
export interface Blackout {
  readonly worker: number;
  readonly fromUs: number;
  readonly toUs: number;
}

/** A lock that the server had freed before its holder could know. */
export interface FreedHold {
  readonly hold: Hold;
  /** How long the holder went on, in microseconds, blackouts not counted. */
  readonly unawareUs: number;
}

/**
 * Results that a session received before its end may be read as late as this on a busy machine. A worker that
 * stands still for longer reports that.
 */
export const READING_US = 100_000;

/**
 * Ends the holds whose session was ended from outside when that began: an administrator's
 * `pg_terminate_backend`, a crash or a cut connection frees a lock at once, and no client can
 * know before it is notified. That is what fencing tokens are for. How long the holder took to
 * notice is returned as well, to be checked too.
 *
 * A session that falls silent is no such case: its holder must give up before the server does.
 */
export function endWithServer(
  holds: readonly Hold[],
  endings: readonly SessionsEnded[],
  blackouts: readonly Blackout[],
): { holds: Hold[]; freed: FreedHold[] } {
  const freed: FreedHold[] = [];
  // They are noted when they are over, and one that takes long is noted after one that began later.
  const inOrder = [...endings].sort((one, other) => one.fromUs - other.fromUs);
  const cut = holds.map((hold) => {
    // A lease belongs to no session, and outlasts the end of one.
    if (hold.way === 'lease') return hold;
    const ofWorker = blackouts.filter(({ worker }) => worker === hold.worker);
    const heardAt = ({ toUs }: SessionsEnded): number => afterBlackouts(toUs, ofWorker);
    const aliveUs = aliveAt(hold);
    const possible = inOrder.filter(
      (end) =>
        end.worker === hold.worker &&
        mayConcern(end, hold) &&
        end.fromUs <= hold.endUs &&
        aliveUs <= end.toUs &&
        hold.startUs <= heardAt(end) + READING_US &&
        (hold.ending === 'lost' || isThroughBefore(hold, heardAt(end)) || isOfNoEffect(hold)),
    );
    // The first that its session cannot have outlived. Else one that it could not notice, or the last: what
    // it outlived was another session's end.
    const certain = possible.find(
      (end) => mustConcern(end, hold) && end.fromUs >= Math.max(aliveUs, hold.startUs),
    );
    const end =
      certain ?? possible.find((candidate) => heardAt(candidate) > candidate.toUs) ?? possible.at(-1);
    if (end === undefined) return hold;
    if (hold.ending === 'lost') {
      // Of several ends, as of one session of many, the last is known to explain it.
      const explaining = certain === undefined ? possible : [certain];
      const sinceUs = Math.max(hold.startUs, ...explaining.map(({ toUs }) => toUs));
      freed.push({
        hold,
        unawareUs: Math.max(0, hold.endUs - sinceUs - darkUs(sinceUs, hold.endUs, ofWorker)),
      });
    }
    return { ...hold, endUs: Math.max(hold.startUs, end.fromUs) };
  });
  // One that was handed on inside a process which could not know of the end yet: nothing is left of it.
  const isLeft = ({ startUs, endUs }: Hold, index: number): boolean =>
    endUs > startUs || cut[index] === holds[index];
  return { holds: cut.filter(isLeft), freed };
}

function mayConcern({ pid }: SessionsEnded, hold: Hold): boolean {
  return pid === undefined || !hold.pid || pid === hold.pid;
}

/** Whether the session of the hold cannot have outlived it. */
function mustConcern({ areAll = false, pid }: SessionsEnded, hold: Hold): boolean {
  return areAll || (pid !== undefined && pid === hold.pid);
}

/**
 * When its session was certainly alive: an end before that was another session's. A token is requested after
 * the hold has begun, and made in a session that is alive; and one that was lost in silence says since when.
 */
function aliveAt({ token, reason, startUs, endUs, noticedUs = endUs }: Hold): number {
  const silentMs = /no response for (\d+) ms/.exec(reason ?? '')?.[1];
  const heardUs = silentMs === undefined ? -Infinity : noticedUs - Number(silentMs) * 1_000;
  return Math.max(heardUs, token === undefined ? -Infinity : startUs);
}

/**
 * Whether its transaction ended with the server, and its process was killed before it could write that down.
 */
function isOfNoEffect({ ending, way }: Hold): boolean {
  return ending === 'killed' && way === 'transaction';
}

/**
 * Whether the body was through, as its timer fires first after a blackout,
 * before the worker could read of its loss.
 */
function isThroughBefore({ ending, endUs }: Hold, heardAtUs: number): boolean {
  return ending === 'released' && endUs <= heardAtUs + READING_US;
}

/** When the worker could read what it was sent at that moment, if a blackout began before that. */
function afterBlackouts(us: number, blackouts: readonly Blackout[]): number {
  return Math.max(
    us,
    ...blackouts
      .filter(({ fromUs, toUs }) => fromUs <= us + READING_US && us <= toUs)
      .map(({ toUs }) => toUs),
  );
}

/** How much of a time was in blackouts, which may overlap. */
function darkUs(sinceUs: number, untilUs: number, blackouts: readonly Blackout[]): number {
  let sum = 0;
  let countedUs = sinceUs;
  for (const { fromUs, toUs } of [...blackouts].sort((one, other) => one.fromUs - other.fromUs)) {
    const darkUntilUs = Math.min(toUs, untilUs);
    sum += Math.max(0, darkUntilUs - Math.max(fromUs, countedUs));
    countedUs = Math.max(countedUs, darkUntilUs);
  }
  return sum;
}
