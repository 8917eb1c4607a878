import type { Notification } from '../../core/index.js';

/** Asks the instance that runs the job to cancel that run. */
export interface CancelMessage {
  readonly kind: 'cancel';
  /** The job's digest. */
  readonly job: string;
  /** For how long the run keeps its lock after that, in milliseconds. */
  readonly graceMs: number;
}

const MAX_GRACE_MS = 60_000;

/** Reads a notification; `undefined` for anything else: any client of the database may send some. */
export function readCancelMessage({ payload = '' }: Notification): CancelMessage | undefined {
  if (!payload.startsWith('{"kind":"cancel"')) return undefined;
  try {
    const { job, graceMs } = JSON.parse(payload) as Partial<Record<string, unknown>>;
    const isValid = typeof job === 'string' && typeof graceMs === 'number';
    if (!isValid || !(graceMs >= 0 && graceMs <= MAX_GRACE_MS)) return undefined;
    return { kind: 'cancel', job, graceMs };
  } catch {
    return undefined;
  }
}
