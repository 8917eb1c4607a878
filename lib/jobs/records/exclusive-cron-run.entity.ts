import { Column, Entity, PrimaryColumn } from 'typeorm';
import { RUN_TABLE } from './run-table.js';

/**
 * A row of the table that jobs with `tick: 'record'` write: one per job and tick. Register it where the schema is made by
 * `synchronize`, or to read it like any other entity. To be told running jobs from those whose instance has died, read it through
 * {@link AdvisoryLockCronHistory}.
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

  /** When it was due. */
  @PrimaryColumn({ name: 'tick_at', type: 'timestamptz' })
  tickAt!: Date;

  /** Who ran it: the name of the host and the id of the process. */
  @Column({ type: 'text' })
  instance!: string;

  /** By the clock of the server, like the end. */
  @Column({ name: 'started_at', type: 'timestamptz' })
  startedAt!: Date;

  @Column({ name: 'ended_at', type: 'timestamptz', nullable: true })
  endedAt!: Date | null;

  /** Null while it runs, and for ever when its instance has died. */
  @Column({ type: 'text', nullable: true })
  outcome!: 'done' | 'failed' | null;

  /** What it threw, as text. */
  @Column({ type: 'text', nullable: true })
  error!: string | null;
}
