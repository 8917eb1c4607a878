import { defineEntity } from './define-entity.js';
import { RUN_TABLE } from './run-table.js';

/**
 * A row of the table that jobs with `tick: 'record'` write: one per job and tick. Register the entity where
 * `synchronize` makes the schema, or to read it like any other entity. To distinguish running jobs from those
 * whose instance has died, read it through {@link AdvisoryLockCronHistory}.
 *
 * @example
 * ```ts
 * TypeOrmModule.forRoot({ type: 'postgres', url, entities: [ExclusiveCronRun], synchronize: true })
 *
 * TypeOrmModule.forFeature([ExclusiveCronRun]) // with autoLoadEntities
 * ```
 */
export class ExclusiveCronRun {
  /** The name of the job's lock, with the namespace of the module: `shop:Reports.daily`. */
  job!: string;

  /** The instant at which it was due. */
  tickAt!: Date;

  /** The `instanceName` of the module that ran it; by default the host and the process, `web-1:4711`. */
  instance!: string;

  /** When the run started, by the clock of the server. */
  startedAt!: Date;

  /** When the run ended, by the clock of the server. Null while `outcome` is null. */
  endedAt!: Date | null;

  /** Null while it runs, and permanently when its instance has died. */
  outcome!: 'done' | 'failed' | null;

  /** The error that the job threw, as text; null when it threw none. */
  error!: string | null;
}

defineEntity(ExclusiveCronRun, RUN_TABLE, {
  job: { type: 'text', primary: true },
  tickAt: { name: 'tick_at', type: 'timestamptz', primary: true },
  instance: { type: 'text' },
  startedAt: { name: 'started_at', type: 'timestamptz' },
  endedAt: { name: 'ended_at', type: 'timestamptz', nullable: true },
  outcome: { type: 'text', nullable: true },
  error: { type: 'text', nullable: true },
});
