import { Column, Entity, PrimaryColumn } from 'typeorm';
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
@Entity({ name: RUN_TABLE })
export class ExclusiveCronRun {
  /** The name of the job's lock, with the namespace of the module: `shop:Reports.daily`. */
  @PrimaryColumn({ type: 'text' })
  job!: string;

  /** The instant at which it was due. */
  @PrimaryColumn({ name: 'tick_at', type: 'timestamptz' })
  tickAt!: Date;

  /** The `instanceName` of the module that ran it; by default the host and the process, `web-1:4711`. */
  @Column({ type: 'text' })
  instance!: string;

  /** When the run started, by the clock of the server. */
  @Column({ name: 'started_at', type: 'timestamptz' })
  startedAt!: Date;

  /** When the run ended, by the clock of the server. Null while `outcome` is null. */
  @Column({ name: 'ended_at', type: 'timestamptz', nullable: true })
  endedAt!: Date | null;

  /** Null while it runs, and permanently when its instance has died. */
  @Column({ type: 'text', nullable: true })
  outcome!: 'done' | 'failed' | null;

  /** The error that the job threw, as text; null when it threw none. */
  @Column({ type: 'text', nullable: true })
  error!: string | null;
}
