import { discard, isReadLater, LockConfigurationError } from '../../../core/index.js';
import { describeMethod } from '../../../locking/describe-method.js';
import type { MethodCall } from '../../../locking/locked-method.js';
import type { JobOutcome, JobRun } from '../job-run.js';

/** Calls the method, and records its end. */
export async function callMethod(run: JobRun): Promise<JobOutcome> {
  const { call, observer, onLocked, attempt } = run;
  await onLocked?.();
  const value = await observer.observe(attempt, async () => {
    const result: unknown = await Reflect.apply(call.method, call.instance, call.args);
    if (isReadLater(result)) throw unreadResult(call, result);
    return result;
  });
  return { ran: true, value };
}

/** A timer reads no result: its lock would be kept until the result is garbage. */
function unreadResult({ instance, methodName }: MethodCall, value: object): LockConfigurationError {
  discard(value);
  return new LockConfigurationError(
    `The job ${describeMethod(instance, methodName)} must not resolve to what is read later, received an ` +
      `object of class ${value.constructor.name}: no code reads the result of a job. Read it in the job.`,
  );
}
