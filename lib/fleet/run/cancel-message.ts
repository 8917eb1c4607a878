/** Asks the instance that runs the job to cancel that run. */
export interface CancelMessage {
  readonly kind: 'cancel';
  /** The job's digest. */
  readonly job: string;
  /** For how long the run keeps its lock after that, in milliseconds. */
  readonly graceMs: number;
}

const MAX_GRACE_MS = 60_000;

/** Reads a message that was parsed; `undefined` for anything else. */
export function readCancelMessage(value: Partial<Record<string, unknown>>): CancelMessage | undefined {
  const { kind, job, graceMs } = value;
  if (kind !== 'cancel' || typeof job !== 'string' || typeof graceMs !== 'number') return undefined;
  return graceMs >= 0 && graceMs <= MAX_GRACE_MS ? { kind, job, graceMs } : undefined;
}
