import { describe, LockConfigurationError } from '../core/index.js';
import { exclusiveJobsOf } from '../jobs/exclusive-job.metadata.js';
import { callFor } from '../jobs/schedule/given-firing.js';

/** For how long the claim of a tick is kept, in milliseconds: as that of a job that runs each minute. */
const CLAIM_MS = 60_000;

/** Calls a job as its timer does for the tick of that instant. A timeout has no tick, and is just called. */
export async function runTick(instance: object, methodName: string | symbol, at: Date): Promise<unknown> {
  const method = (instance as Record<string | symbol, unknown>)[methodName];
  const job = exclusiveJobsOf(instance).get(methodName);
  if (job === undefined || typeof method !== 'function') {
    throw new LockConfigurationError(
      'runTick() needs an object and the name of its method with @ExclusiveCron, @ExclusiveInterval or ' +
        `@ExclusiveTimeout, received an object of class ${instance.constructor.name} and ` +
        `${describe(methodName)}.`,
    );
  }
  const atMs = at.getTime();
  if (Number.isNaN(atMs)) {
    throw new LockConfigurationError('The instant of runTick() must be a valid Date, received Invalid Date.');
  }
  const outcome: unknown = await callFor(
    job.mark ?? instance,
    (claimMs = CLAIM_MS) => ({ atMs, lateMs: 0, claimMs, graceMs: 0, isTooLate: () => false }),
    () => Reflect.apply(method, instance, []) as unknown,
  );
  return outcome;
}
