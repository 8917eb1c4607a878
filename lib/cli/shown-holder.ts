import { printable } from '../core/index.js';
import { holderLabel, holderLabelWithPid } from '../inspection/holder-label.js';
import type { InspectedLock } from '../inspection/inspected-lock.js';

/** A short label of a holder or waiter that is safe to print. */
export function shownHolder(lock: InspectedLock): string {
  return printable(holderLabel(lock));
}

/** The same, with the pid, which distinguishes holders with one name. */
export function shownHolderWithPid(lock: InspectedLock): string {
  return printable(holderLabelWithPid(lock));
}

export function addressOf({ backend }: InspectedLock): string | undefined {
  const { clientAddress, clientPort } = backend ?? {};
  if (clientAddress === undefined || clientPort === undefined) return clientAddress;
  return clientAddress.includes(':') ? `[${clientAddress}]:${clientPort}` : `${clientAddress}:${clientPort}`;
}
