import type { InspectedLock } from '../inspection/inspected-lock.js';
import { printable } from './printable.js';

/** Who holds a lock or waits for it, in a word: the instance, or the application, or else the backend. */
export function whoIs({ instance, backend }: InspectedLock): string {
  if (backend === undefined) return 'a prepared transaction';
  return printable(instance ?? (backend.applicationName || `pid ${backend.pid}`));
}

/** The same, with the pid that tells apart who has the same name. */
export function whoExactly(lock: InspectedLock): string {
  const { backend } = lock;
  const who = whoIs(lock);
  return backend === undefined || who === `pid ${backend.pid}` ? who : `${who} (pid ${backend.pid})`;
}

export function addressOf({ backend }: InspectedLock): string | undefined {
  const { clientAddress, clientPort } = backend ?? {};
  if (clientAddress === undefined || clientPort === undefined) return clientAddress;
  return clientAddress.includes(':') ? `[${clientAddress}]:${clientPort}` : `${clientAddress}:${clientPort}`;
}
