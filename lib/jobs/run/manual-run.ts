import { sharedStorage } from '../../core/index.js';
import type { MethodCall } from '../../locking/locked-method.js';

type CalledMethod = Pick<MethodCall, 'instance' | 'methodName'>;

/** A run on demand. */
export interface ManualRun extends CalledMethod {
  /** How long it waits for the lock, in milliseconds. */
  readonly waitMs: number;
  isTaken: boolean;
  /** Set when the job did not run: the error that says why. */
  refusal?: Error;
}

const storage = sharedStorage<ManualRun>('manual-run');

/** How a run on demand ended. `'busy'`: the job did not run, as its lock or its leadership is not here. */
export type ManualOutcome =
  | { readonly end: 'done'; readonly value: unknown }
  | { readonly end: 'failed' | 'busy'; readonly error: unknown };

/** Calls a job's method, through all its decorators, as a run on demand. Never rejects. */
export async function runManually(
  { instance, methodName }: CalledMethod,
  waitMs: number,
  call: () => unknown,
): Promise<ManualOutcome> {
  const run: ManualRun = { instance, methodName, waitMs, isTaken: false };
  try {
    return { end: 'done', value: await storage.run(run, call) };
  } catch (error) {
    return { end: error === run.refusal ? 'busy' : 'failed', error };
  }
}

/** The run that the call belongs to. Once, as the body may call the method again by hand. */
export function takeManualRun({ instance, methodName }: CalledMethod): ManualRun | undefined {
  const run = storage.getStore();
  if (run === undefined || run.isTaken) return undefined;
  if (run.instance !== instance || run.methodName !== methodName) return undefined;
  run.isTaken = true;
  return run;
}
