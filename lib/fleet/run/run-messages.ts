import { createHash } from 'node:crypto';
import { messageOf, printable } from '../../core/index.js';

/*
 * How an instance runs a job that another process asks for. The one that asks sends `run` to the fleet;
 * instances that have the job send `run-offer`; one of them gets `run-start`, and no other. So a run is
 * started at most once, however late a message is read. The instance sends `run-begun`, and at the end
 * `run-end`. They are no questions and no parts of reports, so versions that do not know them ignore them.
 *
 * The id is the asker's and new, so that what was sent for an earlier request is for no other. `offer` is the
 * instance's and new, so that no earlier `run-start` starts another run, though it is signed.
 */

/** Identifies a job in the fleet, by the name of its lock with the namespace. */
export function jobDigest(fullName: string): string {
  return createHash('sha256').update(fullName).digest('base64url');
}

/** How a run ended: as the job did, or without it. */
export type RunEnd = 'done' | 'failed' | 'busy' | 'refused';

export type RunMessage =
  | { readonly kind: 'run'; readonly id: string; readonly job: string }
  | { readonly kind: 'run-offer'; readonly id: string; readonly offer: string; readonly instance: string }
  /** `waitMs`: for how long to wait for the lock; `null` without end. */
  | {
      readonly kind: 'run-start';
      readonly id: string;
      readonly offer: string;
      readonly waitMs: number | null;
    }
  | { readonly kind: 'run-begun'; readonly id: string }
  | { readonly kind: 'run-end'; readonly id: string; readonly end: RunEnd; readonly message?: string };

const ENDS: readonly unknown[] = ['done', 'failed', 'busy', 'refused'];

/** Longer texts are cut: a payload has less than 8000 bytes, of which a character may take six. */
const MAX_TEXT_LENGTH = 1_000;

/** The message of an error as it is sent. */
export function textOfError(error: unknown): string {
  return messageOf(error).slice(0, MAX_TEXT_LENGTH);
}

/** Reads a message that was parsed; `undefined` for anything else. */
export function readRunMessage(value: Partial<Record<string, unknown>>): RunMessage | undefined {
  const { kind, id, job, offer, instance, waitMs, end, message } = value;
  if (!isId(id)) return undefined;
  switch (kind) {
    case 'run':
      return typeof job === 'string' ? { kind, id, job } : undefined;
    case 'run-offer':
      return isId(offer) && typeof instance === 'string'
        ? { kind, id, offer, instance: printable(instance) }
        : undefined;
    case 'run-start':
      return isId(offer) && (waitMs === null || (typeof waitMs === 'number' && waitMs >= 0))
        ? { kind, id, offer, waitMs }
        : undefined;
    case 'run-begun':
      return { kind, id };
    case 'run-end':
      if (!ENDS.includes(end)) return undefined;
      return {
        kind,
        id,
        end: end as RunEnd,
        ...(typeof message === 'string' && { message: printable(message) }),
      };
    default:
      return undefined;
  }
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{1,40}$/.test(value);
}
