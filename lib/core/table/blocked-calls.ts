import { LockDeadlockError } from '../errors/lock-deadlock.error.js';
import type { LockKey } from '../key/lock-key.js';
import type { BlockedCall } from './blocked-call.js';
import { describePlace } from './call-place.js';
import { findDeadlock, type WaitDependencies } from './find-deadlock.js';
import type { LockHold } from './lock-hold.js';

/** What this process does with a key, as far as it is in the way of calls that wait for it. */
export interface ContestedKey {
  holdsInTheWayOf(call: BlockedCall): readonly LockHold[];
  waiterBefore(call: BlockedCall): BlockedCall | undefined;
}

/**
 * The calls of this process that wait for one lock and keep others meanwhile. Only such calls close a cycle
 * of waits, and they close it when they begin to wait: the holder of a lock that is granted later does not
 * wait yet. So each is checked once, at its beginning.
 *
 * It sees what happens in this process. Which calls hold a key in another one is not known here; see
 * {@link BlockedCalls.onBlocked}.
 */
export class BlockedCalls {
  private readonly calls = new Set<BlockedCall>();
  private readonly callsInside = new WeakMap<LockHold, Set<BlockedCall>>();
  private listener: ((call: BlockedCall) => void) | undefined;

  constructor(private readonly entryOf: (key: LockKey) => ContestedKey | undefined) {}

  /** The calls that wait at the moment. */
  get all(): ReadonlySet<BlockedCall> {
    return this.calls;
  }

  /**
   * Calls the listener for each call that begins to wait and is in no deadlock inside this process. At most
   * one listener.
   */
  onBlocked(listener: (call: BlockedCall) => void): void {
    this.listener = listener;
  }

  /** The call begins to wait. When that closes a cycle, it is aborted with `LOCK_DEADLOCK`. */
  begin(call: BlockedCall): void {
    this.calls.add(call);
    for (const hold of call.inside) {
      const calls = this.callsInside.get(hold) ?? new Set();
      this.callsInside.set(hold, calls.add(call));
    }
    const cycle = findDeadlock(call, this.dependenciesOf);
    if (cycle === undefined) this.listener?.(call);
    else call.abort(deadlock(cycle));
  }

  /** The call waits no more. */
  end(call: BlockedCall): void {
    this.calls.delete(call);
    for (const hold of call.inside) this.callsInside.get(hold)?.delete(call);
  }

  private readonly dependenciesOf = (call: BlockedCall): WaitDependencies<BlockedCall> => {
    const [key, ...others] = call.keys;
    // A permit that another process holds, or no one, has no wait here in its way.
    if (key === undefined || others.length > 0)
      return { holders: call.keys.map((permit) => this.holdersOf(permit, call).flat()), isOneEnough: true };
    const before = this.entryOf(key)?.waiterBefore(call);
    const holders = this.holdersOf(key, call);
    return { holders: before === undefined ? holders : [...holders, [before]], isOneEnough: false };
  };

  private holdersOf(key: LockKey, call: BlockedCall): BlockedCall[][] {
    const holds = this.entryOf(key)?.holdsInTheWayOf(call) ?? [];
    return holds.map((hold) => [...(this.callsInside.get(hold) ?? [])]);
  }
}

/** The error of the first call: each call of the cycle waits for a lock that the next one keeps. */
function deadlock(cycle: readonly BlockedCall[]): LockDeadlockError {
  const [first] = cycle as readonly [BlockedCall];
  const nameOf = ({ keys }: BlockedCall): string => keys[0]?.name ?? '';
  return new LockDeadlockError(
    nameOf(first),
    [...new Set(cycle.map(nameOf))],
    undefined,
    cycle.map((call) => ({
      waitsFor: nameOf(call),
      holds: [...new Set(call.inside.map(({ key }) => key.name))],
      ...(call.place !== undefined && { requestedBy: describePlace(call.place) }),
    })),
  );
}
