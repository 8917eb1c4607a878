import type { InspectedLock } from './inspected-lock.js';

type Party = Pick<InspectedLock, 'instance' | 'backend'>;

/** What holds a lock or waits for it, in a word: the instance, or else the application, or else the backend. */
export function holderLabel({ instance, backend }: Party): string {
  if (backend === undefined) return 'a prepared transaction';
  return instance ?? (backend.applicationName || `pid ${backend.pid}`);
}

/** The same, with the pid, which tells parties of one name apart, and what else there is to say of it. */
export function holderLabelWithPid(party: Party, more = ''): string {
  const { backend } = party;
  const label = holderLabel(party);
  if (backend === undefined) return label;
  return label === `pid ${backend.pid}` ? `${label}${more}` : `${label} (pid ${backend.pid}${more})`;
}
