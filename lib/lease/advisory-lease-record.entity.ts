import { defineEntity } from '../jobs/records/define-entity.js';
import { LEASE_TABLE } from './lease-table.js';

/**
 * A row of the table of leases: one per name. Register the entity where `synchronize` makes the schema, or to
 * read it like any other entity. Do not write it.
 *
 * @example
 * ```ts
 * TypeOrmModule.forRoot({ type: 'postgres', url, entities: [AdvisoryLeaseRecord], synchronize: true })
 * ```
 */
export class AdvisoryLeaseRecord {
  /** The name of the lease, with the namespace of the module: `shop:doc:42`. */
  name!: string;

  /** The fencing token of the latest grant, as text. */
  fencing!: string;

  /** A hash of the token that extends and releases the lease. Null when it has been released. */
  tokenHash!: string | null;

  /** The option `owner` of the latest grant; by default the name of the instance. */
  owner!: string;

  /** For how long it was granted or extended, in milliseconds, as text. */
  ttlMs!: string;

  /** When it was granted, by the clock of the server. */
  since!: Date;

  /** When it ends, or when it was released, by the clock of the server. */
  expiresAt!: Date;
}

defineEntity(AdvisoryLeaseRecord, LEASE_TABLE, {
  name: { type: 'text', primary: true },
  fencing: { type: 'bigint' },
  tokenHash: { name: 'token_hash', type: 'text', nullable: true },
  owner: { type: 'text' },
  ttlMs: { name: 'ttl_ms', type: 'bigint' },
  since: { type: 'timestamptz' },
  expiresAt: { name: 'expires_at', type: 'timestamptz' },
});
