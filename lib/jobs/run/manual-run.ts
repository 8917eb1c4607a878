import { sharedStorage } from '../../core/index.js';
import type { MethodCall } from '../../locking/locked-method.js';

type CalledMethod = Pick<MethodCall, 'instance' | 'methodName'>;

interface ManualRun extends CalledMethod {
  isTaken: boolean;
}

const storage = sharedStorage<ManualRun>('manual-run');

/** Calls a job's method, through all its decorators, as a run on demand. */
export function runManually<T>({ instance, methodName }: CalledMethod, call: () => T): T {
  return storage.run({ instance, methodName, isTaken: false }, call);
}

/** Whether the call is that run. Once, as the body may call the method again by hand. */
export function takeManualRun({ instance, methodName }: CalledMethod): boolean {
  const run = storage.getStore();
  if (run === undefined || run.isTaken) return false;
  if (run.instance !== instance || run.methodName !== methodName) return false;
  run.isTaken = true;
  return true;
}
