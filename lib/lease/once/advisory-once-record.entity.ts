import { Column, Entity, PrimaryColumn } from 'typeorm';
import { ONCE_TABLE } from './once-table.js';

/**
 * A row of the table of what `once` has run: one per name and version. Register the entity where
 * `synchronize` makes the schema, or to list what has run. Delete a row to let it run again.
 *
 * @example
 * ```ts
 * await dataSource.getRepository(AdvisoryOnceRecord).delete({ name: 'shop:seed-plans' }); // runs again
 * ```
 */
@Entity({ name: ONCE_TABLE })
export class AdvisoryOnceRecord {
  /** The name, with the namespace of the module: `shop:seed-plans`. */
  @PrimaryColumn({ type: 'text' })
  name!: string;

  /** The option `version`; empty without one. */
  @PrimaryColumn({ type: 'text' })
  version!: string;

  /** The `instanceName` of the module that ran it; by default the host and the process, `web-1:4711`. */
  @Column({ type: 'text' })
  instance!: string;

  /** When it had succeeded, by the clock of the server. */
  @Column({ name: 'ran_at', type: 'timestamptz' })
  ranAt!: Date;
}
