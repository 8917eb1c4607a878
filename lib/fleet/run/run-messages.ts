import { createHash } from 'node:crypto';
import { messageOf, type Notification, printable } from '../../core/index.js';

/*
 * How an instance runs a job that another process asks for. The one that asks sends `run` to the fleet;
 * instances that have the job send `run-offer`; one of them gets `run-start`, and no other. So a run is
 * started at most once, however late a message is read. The instance sends `run-begun`, and at the end
 * `run-end`. They are no questions and no parts of reports, so versions that do not know them ignore them.
 */

/** Identifies a job in the fleet, by the name of its lock with the namespace. */
export function jobDigest(fullName: string): string {
  return createHash('sha256').update(fullName).digest('base64url');
}

/** How a run ended: as the job did, or without it. */
export type RunEnd = 'done' | 'failed' | 'busy' | 'refused';

export type RunMessage =
  | { readonly kind: 'run'; readonly id: string; readonly job: string }
  | { readonly kind: 'run-offer'; readonly id: string; readonly instance: string }
  /** `waitMs`: for how long to wait for the lock; `null` without end. */
  | { readonly kind: 'run-start'; readonly id: string; readonly waitMs: number | null }
  | { readonly kind: 'run-begun'; readonly id: string }
  | { readonly kind: 'run-end'; readonly id: string; readonly end: RunEnd; readonly message?: string };

const ENDS: readonly unknown[] = ['done', 'failed', 'busy', 'refused'];

/** Longer texts are cut: a payload has less than 8000 bytes, of which a character may take six. */
const MAX_TEXT_LENGTH = 1_000;

/** The message of an error as it is sent. */
export function textOfError(error: unknown): string {
  return messageOf(error).slice(0, MAX_TEXT_LENGTH);
}

/** Reads a notification; `undefined` for anything else: any client of the database may send some. */
export function readRunMessage({ payload = '' }: Notification): RunMessage | undefined {
  if (!payload.startsWith('{"kind":"run')) return undefined;
  let value: Partial<Record<string, unknown>>;
  try {
    value = JSON.parse(payload) as Partial<Record<string, unknown>>;
  } catch {
    return undefined;
  }
  const { kind, id, job, instance, waitMs, end, message } = value;
  if (typeof id !== 'string' || !/^[\w-]{1,40}$/.test(id)) return undefined;
  switch (kind) {
    case 'run':
      return typeof job === 'string' ? { kind, id, job } : undefined;
    case 'run-offer':
      return typeof instance === 'string' ? { kind, id, instance: printable(instance) } : undefined;
    case 'run-start':
      return waitMs === null || (typeof waitMs === 'number' && waitMs >= 0)
        ? { kind, id, waitMs }
        : undefined;
    case 'run-begun':
      return { kind, id };
    case 'run-end':
      if (!ENDS.includes(end)) return undefined;
      return { kind, id, end: end as RunEnd, ...(typeof message === 'string' && { message }) };
    default:
      return undefined;
  }
}
