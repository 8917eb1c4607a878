import { defineEntity } from '../records/define-entity.js';
import { PAUSE_TABLE } from './pause-table.js';

/**
 * A row of the table of paused jobs: the last pause of each job, over or not. Register the entity where
 * `synchronize` makes the schema. To pause and resume jobs, use {@link AdvisoryLockJobs}: a row that is
 * written by other means is noticed only after the next notification or connection.
 *
 * @example
 * ```ts
 * TypeOrmModule.forRoot({ type: 'postgres', url, entities: [AdvisoryLockJobPause], synchronize: true })
 * ```
 */
export class AdvisoryLockJobPause {
  /** The name of the job's lock, with the namespace of the module: `shop:Reports.daily`. */
  job!: string;

  /** Why it was paused; null when no reason was given. */
  reason!: string | null;

  /** When it was paused, by the clock of the server. */
  pausedAt!: Date;

  /** When the pause ends or has ended; null until it is resumed. */
  until!: Date | null;

  /** The `instanceName` of the module that paused it, or the user and host of the command line. */
  by!: string;

  /**
   * Begin and end of each pause before that, the newest first, of the last hundred; null when there was none.
   */
  earlier!: Date[] | null;
}

defineEntity(AdvisoryLockJobPause, PAUSE_TABLE, {
  job: { type: 'text', primary: true },
  reason: { type: 'text', nullable: true },
  pausedAt: { name: 'paused_at', type: 'timestamptz' },
  until: { type: 'timestamptz', nullable: true },
  by: { type: 'text' },
  earlier: { type: 'timestamptz', array: true, nullable: true },
});
