import {
  aBoolean,
  type OptionRule,
  type OptionRules,
  type RespectLeasesOptions,
  respectLeasesRules,
  signalRules,
  waitRules,
  wholeMs,
} from '../core/index.js';

const MIN_TTL_MS = 1_000;
const MAX_TTL_MS = 366 * 24 * 3_600_000;
const MAX_OWNER_LENGTH = 200;

/**
 * The options of `lease` and `withLease`.
 *
 * @example
 * ```ts
 * const lease = await locks.lease('doc:42', { ttlMs: 600_000, owner: 'ada@example.com' });
 * ```
 */
export interface LeaseOptions extends RespectLeasesOptions {
  /**
   * After how many milliseconds the lease ends, unless it is extended or released before: a whole number from
   * 1_000 (a second) to 31_622_400_000 (366 days).
   */
  readonly ttlMs: number;
  /**
   * How long to wait for a busy lease, in milliseconds: from 0 to 2147483647, or `Infinity`. `0` tries once;
   * `Infinity` waits without end. Inside a process, waiters are served first come, first served.
   * @default 0
   */
  readonly waitMs?: number;
  /**
   * Who or what has the lease, for display in the table: at most 200 characters.
   * @default the name of the instance
   */
  readonly owner?: string;
  /**
   * Whether the lease is extended by itself, each third of its time, while this process lives and the handle
   * is not released.
   * @default false
   */
  readonly keepAlive?: boolean;
  /**
   * Whether the grant, and the extensions by this handle, wait until the server's disk has them, as
   * `synchronous_commit` of the server says. With `false` they do not wait: a crash of the server, or a
   * failover, may then forget those of the last moments, so that another caller gets a lease that is held,
   * with a fencing token that is not larger. For leases whose overlap costs no more than double work. A
   * release never waits for the disk: forgotten, it lets the lease go on until its time is over.
   * @default true
   */
  readonly durable?: boolean;
  /**
   * Ends the wait when it aborts: the call rejects with its reason. Once the lease is held, it has no effect.
   * @default none
   */
  readonly signal?: AbortSignal;
}

/**
 * The options of `resumeLease`.
 *
 * @example
 * ```ts
 * const lease = await locks.resumeLease('doc:42', token, { keepAlive: true });
 * ```
 */
export interface ResumeLeaseOptions {
  /**
   * Whether the lease is extended by itself, each third of its time, while this process lives and the handle
   * is not released.
   * @default false
   */
  readonly keepAlive?: boolean;
}

const ttlMs: OptionRule = wholeMs(MIN_TTL_MS, MAX_TTL_MS, ' (366 days)');

export const ttlRules: OptionRules = { ttlMs };

export const resumeRules: OptionRules = { keepAlive: aBoolean };

export const leaseRules: OptionRules = {
  // Not left out, either, which `checkOptions` lets pass.
  ttlMs,
  owner: [
    (value) => typeof value === 'string' && isText(value) && value.length <= MAX_OWNER_LENGTH,
    `a string of 1 to ${MAX_OWNER_LENGTH} characters, none of them NUL`,
  ],
  durable: aBoolean,
  ...waitRules,
  ...resumeRules,
  ...respectLeasesRules,
  ...signalRules,
};

/** Whether Postgres can store it: it has no zero character, and no halves of surrogate pairs. */
export function isText(value: string): boolean {
  return value !== '' && !value.includes('\0') && !/\p{Surrogate}/u.test(value);
}
