import type { TickOptions } from '../../../lib/index.js';

/** A job of an instance: with a cron expression, or an interval in milliseconds. */
export interface JobSpec {
  name: string;
  schedule: string | number;
  /** How long a run takes. */
  runMs: number;
  options?: TickOptions & { timeZone?: string; utcOffset?: number; waitForCompletion?: boolean };
  /** Whether nothing is written down of timers that find the tick taken. */
  isQuiet?: boolean;
}

/** What an instance reports of a firing. */
export interface FiringReport {
  type: 'ran' | 'skipped';
  job: string;
  /** In ISO format. */
  tick?: string;
}
