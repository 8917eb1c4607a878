import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { AcquireOptions } from './acquire-options.js';
import type { BlockedCall } from './blocked-call.js';
import type { CallPlace } from './call-place.js';
import type { LockHold } from './lock-hold.js';

/** A call that has the turn and waits for one of the permits. */
export class PermitWait implements BlockedCall {
  readonly mode: LockMode = 'exclusive';
  readonly inside: readonly LockHold[];
  readonly since: number;
  readonly place: CallPlace | undefined;
  /** Ends the waits for single permits. */
  readonly signal: AbortSignal;
  private readonly aborted = new AbortController();

  constructor(
    readonly keys: readonly LockKey[],
    { inside = [], since = performance.now(), place, signal }: AcquireOptions,
  ) {
    this.inside = inside;
    this.since = since;
    this.place = place;
    this.signal = signal === undefined ? this.aborted.signal : AbortSignal.any([signal, this.aborted.signal]);
  }

  abort(error: Error): void {
    this.aborted.abort(error);
  }
}
