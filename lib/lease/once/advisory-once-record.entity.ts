import { defineEntity } from '../../jobs/records/define-entity.js';
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
export class AdvisoryOnceRecord {
  /** The name, with the namespace of the module: `shop:seed-plans`. */
  name!: string;

  /** The option `version`; empty without one. */
  version!: string;

  /** The `instanceName` of the module that ran it; by default the host and the process, `web-1:4711`. */
  instance!: string;

  /** When it had succeeded, by the clock of the server. */
  ranAt!: Date;
}

defineEntity(AdvisoryOnceRecord, ONCE_TABLE, {
  name: { type: 'text', primary: true },
  version: { type: 'text', primary: true },
  instance: { type: 'text' },
  ranAt: { name: 'ran_at', type: 'timestamptz' },
});
