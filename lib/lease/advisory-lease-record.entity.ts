import { Column, Entity, PrimaryColumn } from 'typeorm';
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
@Entity({ name: LEASE_TABLE })
export class AdvisoryLeaseRecord {
  /** The name of the lease, with the namespace of the module: `shop:doc:42`. */
  @PrimaryColumn({ type: 'text' })
  name!: string;

  /** The fencing token of the latest grant, as text. */
  @Column({ type: 'bigint' })
  fencing!: string;

  /** A hash of the token that extends and releases the lease. Null when it has been released. */
  @Column({ name: 'token_hash', type: 'text', nullable: true })
  tokenHash!: string | null;

  /** The option `owner` of the latest grant; by default the name of the instance. */
  @Column({ type: 'text' })
  owner!: string;

  /** For how long it was granted or extended, in milliseconds, as text. */
  @Column({ name: 'ttl_ms', type: 'bigint' })
  ttlMs!: string;

  /** When it was granted, by the clock of the server. */
  @Column({ type: 'timestamptz' })
  since!: Date;

  /** When it ends, or when it was released, by the clock of the server. */
  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;
}
