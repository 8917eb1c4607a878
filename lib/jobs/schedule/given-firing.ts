import { sharedStorage } from '../../core/index.js';
import type { Firing } from './firing.js';

interface GivenFiring {
  readonly mark: object;
  readonly firingOf: (claimMs: number | undefined) => Firing;
  isTaken: boolean;
}

const storage = sharedStorage<GivenFiring>('given-firing');

/** Calls a decorated method for a tick that its timer does not fire for. */
export function callFor<T>(mark: object, firingOf: GivenFiring['firingOf'], call: () => T): T {
  return storage.run({ mark, firingOf, isTaken: false }, call);
}

/**
 * The firing that the method with this mark is called for. Returned once, as the body may call the method
 * again by hand.
 */
export function takeGiven(mark: object, claimMs: number | undefined): Firing | undefined {
  const given = storage.getStore();
  if (given?.mark !== mark || given.isTaken) return undefined;
  given.isTaken = true;
  return given.firingOf(claimMs);
}
