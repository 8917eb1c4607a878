import type { AdvisoryLockCronRun } from '../../nest/advisory-lock-cron-history.js';

/** What the page of one job shows, as JSON. */
export interface JobDetails {
  readonly at: string;
  /** The name of its lock. Jobs that share a lock are shown, and paused, together. */
  readonly name: string;
  readonly methods: readonly {
    readonly method: string;
    readonly schedule?: string;
    /** The next ticks, the first one first; one at most where the serving instance does not have the job. */
    readonly nextAt: readonly string[];
  }[];
  readonly pause?: JobPauseDetails;
  /** Whether the page may pause, resume and run it. */
  readonly canControl: boolean;
  /** Whether its runs are recorded. */
  readonly isRecorded: boolean;
  /** The newest first. */
  readonly runs: readonly JobRunDetails[];
  /** Why the runs cannot be shown. */
  readonly problem?: string;
}

/** A pause that is not over. */
export interface JobPauseDetails {
  readonly at: string;
  readonly by: string;
  readonly reason?: string;
  readonly until?: string;
}

/** A run, or an attempt of one, as it was recorded. */
export interface JobRunDetails extends Pick<
  AdvisoryLockCronRun,
  'trigger' | 'attempt' | 'instance' | 'state' | 'error'
> {
  /** When it was due. */
  readonly at: string;
  readonly startedAt: string;
  /** How long it took, in milliseconds; missing when it has no end. */
  readonly durationMs?: number;
}

/** Which job the page asks for. */
export interface JobQuery {
  readonly name: string;
  /** How many runs at most. */
  readonly limit: number;
}

/** The request of the page to resume a job, or to run it now. */
export interface ControlRequest {
  readonly job: string;
  readonly reason: string;
}

/** The request of the page to pause a job. */
export interface PauseRequest extends ControlRequest {
  readonly until?: string;
}

/** How a run on demand ended. `'running'`: it has not ended yet. `'busy'`: it has not begun. */
export interface RunResult {
  readonly end: 'done' | 'failed' | 'busy' | 'running';
  /** Why it failed or has not begun. */
  readonly message?: string;
}
