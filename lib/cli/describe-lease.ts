import { printable } from '../core/index.js';
import type { HeldLease } from '../lease/held-lease.js';
import { clockTime, sinceWhen } from './ago.js';

/** `ada has held it since 12:00:03 (3m 12s), and it ends at 12:10:03 unless it is extended`. */
export function describeLease({ owner, since, expiresAt, fencingToken }: HeldLease, now: Date): string {
  return (
    `${printable(owner)} has held it since ${sinceWhen(since, now)} with the fencing token ` +
    `${fencingToken}, and it ends at ${clockTime(expiresAt, now)} unless it is extended`
  );
}
