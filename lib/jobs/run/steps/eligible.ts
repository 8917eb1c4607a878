import type { JobOutcome, JobRun } from '../job-run.js';

/** The job runs in the leader. An instance that does not lead must not even claim the tick. */
export function eligible<Run extends JobRun>(
  run: Run,
  next: (run: Run) => Promise<JobOutcome>,
): Promise<JobOutcome> {
  const { leader } = run.job;
  const isEligible = leader === undefined || run.runtime?.isLeader(leader) !== false;
  return isEligible ? next(run) : Promise.resolve({ ran: false, reason: 'not-leader' });
}
