import { defineEntity } from '../records/define-entity.js';
import { HISTORY_TABLE } from './history-table.js';

/**
 * A row of the table that jobs with `historyMs` write: one per attempt of a run. Register the entity where
 * `synchronize` makes the schema. To distinguish running jobs from those whose instance has died, read it
 * through {@link AdvisoryLockCronHistory}.
 *
 * @example
 * ```ts
 * TypeOrmModule.forRoot({ type: 'postgres', url, entities: [AdvisoryLockJobRun], synchronize: true })
 * ```
 */
export class AdvisoryLockJobRun {
  /** The name of the job's lock, with the namespace of the module: `shop:Reports.daily`. */
  job!: string;

  /** The instant at which it was due; of a timeout and a run on demand, when it began. */
  tickAt!: Date;

  /** Different for each attempt. */
  id!: string;

  /** `'manual'` for `runNow()`. */
  trigger!: 'schedule' | 'manual';

  /** Which attempt of the run it is, from 1. */
  attempt!: number;

  /** The `instanceName` of the module that ran it; by default the host and the process, `web-1:4711`. */
  instance!: string;

  /** When the attempt started, by the clock of the server. */
  startedAt!: Date;

  /** When the attempt ended, by the clock of the server. Null while `outcome` is null. */
  endedAt!: Date | null;

  /** Null while it runs, and permanently when its instance has died. */
  outcome!: 'done' | 'failed' | null;

  /** The error that the job threw, as text; null when it threw none. */
  error!: string | null;
}

defineEntity(AdvisoryLockJobRun, HISTORY_TABLE, {
  job: { type: 'text', primary: true },
  tickAt: { name: 'tick_at', type: 'timestamptz', primary: true },
  id: { type: 'text', primary: true },
  trigger: { type: 'text' },
  attempt: { type: 'int4' },
  instance: { type: 'text' },
  startedAt: { name: 'started_at', type: 'timestamptz' },
  endedAt: { name: 'ended_at', type: 'timestamptz', nullable: true },
  outcome: { type: 'text', nullable: true },
  error: { type: 'text', nullable: true },
});
