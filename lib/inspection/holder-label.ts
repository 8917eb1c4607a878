import type { InspectedLock } from './inspected-lock.js';

type Party = Pick<InspectedLock, 'instance' | 'backend'>;

/** A short label of a holder or waiter: its instance, or else its application, or else its backend. */
export function holderLabel({ instance, backend }: Party): string {
  if (backend === undefined) return 'a prepared transaction';
  return instance ?? (backend.applicationName || `pid ${backend.pid}`);
}

/** The same, with the pid, which distinguishes parties with one name, and with more to say about it. */
export function holderLabelWithPid(party: Party, more = ''): string {
  const { backend } = party;
  const label = holderLabel(party);
  if (backend === undefined) return label;
  return label === `pid ${backend.pid}` ? `${label}${more}` : `${label} (pid ${backend.pid}${more})`;
}
