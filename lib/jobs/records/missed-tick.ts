import { sharedStorage } from '../../core/index.js';
import type { Firing } from '../schedule/firing.js';

interface MissedTick {
  readonly mark: object;
  readonly firing: Firing;
  isTaken: boolean;
}

const storage = sharedStorage<MissedTick>('missed-tick');

/** Calls a decorated method for a tick that its timer missed. */
export function callForMissed<T>(mark: object, atMs: number, call: () => T): T {
  const lateMs = Date.now() - atMs;
  const firing = { atMs, lateMs, claimMs: 0, graceMs: 0, isTooLate: () => false, isMissed: true };
  return storage.run({ mark, firing, isTaken: false }, call);
}

/**
 * The missed tick that the method with this mark is called for. Returned once, as the body may call the
 * method again by hand.
 */
export function takeMissed(mark: object): Firing | undefined {
  const missed = storage.getStore();
  if (missed?.mark !== mark || missed.isTaken) return undefined;
  missed.isTaken = true;
  return missed.firing;
}
