export type HoldKind = 'exclusive' | 'shared' | 'permit';

/**
 * How a hold ended: the body was through (`released`), saw that `lock.signal` had aborted, or that happened
 * before the lock was given back (`lost`), or was in a transaction that was not committed (`rolled back`); or
 * its process was killed. `open` has no end, which only a worker that hangs leaves behind.
 */
export type Ending = 'released' | 'lost' | 'rolled back' | 'killed' | 'open';

/**
 * That a worker believed to have a lock, from one moment to another, in microseconds of the server's clock.
 */
export interface Hold {
  readonly name: string;
  readonly worker: number;
  readonly kind: HoldKind;
  /** How many may have the lock at once, for the kind `permit`. */
  readonly permits: number;
  /** By which method, for the figures. */
  readonly way: string;
  readonly startUs: number;
  readonly endUs: number;
  readonly ending: Ending;
  /** The reason of the loss, as the worker received it. */
  readonly reason?: string;
  /** When the worker received it, of a lock that turned out to be lost as it was given back. */
  readonly noticedUs?: number;
  readonly token?: bigint;
  /** Of the backend that held the lock; 0 where that is not known. */
  readonly pid?: number;
}

export function describeHold({ name, worker, kind, permits, way, ...hold }: Hold): string {
  const how = kind === 'permit' ? `one of ${permits} permits` : kind;
  const token = hold.token === undefined ? '' : `, token ${hold.token}`;
  const reason = hold.reason === undefined ? '' : `: ${hold.reason}`;
  const time = `from ${timeOf(hold.startUs)} to ${timeOf(hold.endUs)}`;
  return `${name} (${how}, ${way}) by worker ${worker} ${time}${token}, ${hold.ending}${reason}`;
}

/** With microseconds, which `Date` does not have. */
export function timeOf(us: number): string {
  if (us === Infinity) return 'the end';
  const text = new Date(Math.floor(us / 1_000)).toISOString();
  return `${text.slice(11, -1)}${String(us % 1_000).padStart(3, '0')}`;
}
