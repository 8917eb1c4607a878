import type { InspectedLock } from '../inspect/inspected-lock.js';

export interface SeenLock extends InspectedLock {
  readonly instance?: string;
  readonly heldMs?: number;
  readonly callsWaiting?: number;
}
