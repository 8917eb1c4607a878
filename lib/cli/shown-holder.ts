import { holderLabel, holderLabelWithPid } from '../inspection/holder-label.js';
import type { InspectedLock } from '../inspection/inspected-lock.js';
import { printable } from './printable.js';

/** What holds a lock or waits for it, in a word that is safe to print. */
export function shownHolder(lock: InspectedLock): string {
  return printable(holderLabel(lock));
}

/** The same, with the pid, which tells holders of one name apart. */
export function shownHolderWithPid(lock: InspectedLock): string {
  return printable(holderLabelWithPid(lock));
}

export function addressOf({ backend }: InspectedLock): string | undefined {
  const { clientAddress, clientPort } = backend ?? {};
  if (clientAddress === undefined || clientPort === undefined) return clientAddress;
  return clientAddress.includes(':') ? `[${clientAddress}]:${clientPort}` : `${clientAddress}:${clientPort}`;
}
