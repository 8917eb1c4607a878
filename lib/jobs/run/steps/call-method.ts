import type { JobOutcome, JobRun } from '../job-run.js';

/** Calls the method, and records its end. */
export async function callMethod(run: JobRun): Promise<JobOutcome> {
  const { call, observer, onLocked } = run;
  await onLocked?.();
  observer.began();
  try {
    const value: unknown = await Reflect.apply(call.method, call.instance, call.args);
    observer.ended();
    return { ran: true, value };
  } catch (error) {
    observer.ended({ error });
    throw error;
  }
}
