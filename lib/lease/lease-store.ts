import { type LockKey, sqlStateOf, type Statement } from '../core/index.js';
import type { ApplicationDatabase } from './application-database.js';
import { arrayLiteral } from './array-literal.js';
import { Batches } from './batches.js';
import { epochMs } from './epoch-ms.js';
import { endGrant, type HeldLease, readLease, selectLeases } from './held-lease.js';
import { LEASE_TABLE } from './lease-table.js';
import { selectLeased } from './select-leased.js';

/** How often rows of ended leases are deleted, in milliseconds, while this process grants leases. */
const PRUNE_EVERY_MS = 60_000;

/** One statement deletes at most this many. */
const MAX_PRUNED = 10_000;

/** While there are more, it rests for so many times as long as it took: grants go on at their speed. */
const PRUNE_REST = 9;

/** How often a statement is repeated that met another one at the same row. */
const MAX_ATTEMPTS = 10;

/**
 * serialization_failure, where the default isolation of the database is higher than READ COMMITTED, and
 * deadlock_detected: the statement has had no effect, and is repeated.
 */
const CONFLICTS: readonly (string | undefined)[] = ['40001', '40P01'];

/** A lease, by what identifies it on the server. */
export interface LeaseId {
  /** With the namespace. */
  readonly name: string;
  readonly tokenHash: string;
}

/** What lets a lease last. */
interface LastingRequest extends LeaseId {
  readonly ttlMs: number;
  /** Whether the change must survive a crash of the server; by default it must. */
  readonly isDurable?: boolean;
}

export interface GrantRequest extends LastingRequest {
  readonly owner: string;
  /** The key of the locks that must be free. */
  readonly lockKey?: LockKey | undefined;
}

export type ExtensionRequest = LastingRequest;

/** A lease as the server has granted, extended or found it. */
export interface LeaseTerm {
  readonly fencingToken: bigint;
  /** By the clock of the server. */
  readonly expiresAt: Date;
  readonly ttlMs: number;
  /**
   * An instant before the statement was sent, by `performance.now()`: the lease lasts at least `leftMs` from
   * then, whatever the round trip took.
   */
  readonly sentAt: number;
  readonly leftMs: number;
}

interface TermRow {
  readonly name: string;
  readonly fencing: string;
  readonly expires_ms: string;
  readonly ttl_ms: string;
}

// Operators, functions and types are qualified: the statements run with the `search_path` of the
// application. Numbers travel as text, as applications replace the parsers of node-postgres.
const AFTER = (instant: string, ms: string): string =>
  `(${instant} OPERATOR(pg_catalog.+) ` +
  `(${ms}::pg_catalog.float8 OPERATOR(pg_catalog.*) interval '1 millisecond'))`;
const TERM = `held.name, held.fencing::pg_catalog.text AS fencing, held.ttl_ms::pg_catalog.text AS ttl_ms,
  ${epochMs('held.expires_at')}::pg_catalog.text AS expires_ms`;
const SAME = `held.name OPERATOR(pg_catalog.=) wanted.name
  AND held.token_hash OPERATOR(pg_catalog.=) wanted.token_hash`;
/** One reading of the clock for what is compared and what is written: a step of it falls before or after. */
const NOW = '(SELECT pg_catalog.clock_timestamp() AS at) AS now';
/** The same, and this transaction alone does not wait for the disk. */
const NOW_NOT_DURABLE = `(SELECT pg_catalog.clock_timestamp() AS at,
  pg_catalog.set_config('synchronous_commit', 'off', true) AS setting) AS now`;
/** One that must survive makes the batch durable. */
const nowFor = (requests: readonly LastingRequest[]): string =>
  requests.some(({ isDurable = true }) => isDurable) ? NOW : NOW_NOT_DURABLE;
/** What a grant may take: there is no lease that lasts. */
const IS_FREE = (table: string): string => `NOT EXISTS (
          SELECT FROM ${table} AS busy
           WHERE busy.name OPERATOR(pg_catalog.=) wanted.name AND busy.token_hash IS NOT NULL
             AND busy.expires_at OPERATOR(pg_catalog.>) now.at)`;
/**
 * The same, and no lock of the name is held: its key is taken until the grant has committed. A lock that is
 * granted after that is looked at with the lease there; see `UnleasedLocks`. A busy lease takes no key.
 */
const IS_FREE_OF_LOCKS = (table: string): string => `CASE WHEN ${IS_FREE(table)} THEN
          CASE WHEN wanted.lock_key IS NULL THEN true
          WHEN wanted.lock_form OPERATOR(pg_catalog.=) 1
          THEN pg_catalog.pg_try_advisory_xact_lock(wanted.lock_key)
          ELSE pg_catalog.pg_try_advisory_xact_lock(
            (wanted.lock_key OPERATOR(pg_catalog.>>) 32)::pg_catalog.int4,
            ((wanted.lock_key OPERATOR(pg_catalog.<<) 32) OPERATOR(pg_catalog.>>) 32)::pg_catalog.int4)
          END
        ELSE false END`;
/**
 * Arrays as rows. In sub-selects, so that the planner does not know how many: from a hundred on it would
 * rather scan a table of 10,000 rows than look each of them up, which takes 2.7 times the CPU time.
 */
const unnested = (...types: readonly string[]): string => {
  const arrays = types.map((type, n) => `pg_catalog.unnest((SELECT $${n + 1}::pg_catalog.${type}[]))`);
  return `ROWS FROM (${arrays.join(', ')})`;
};

/**
 * Writes and reads the table of leases. The clock of the server alone decides what has ended.
 *
 * The fencing token is the transaction id of the grant, or the one after the last token of the row where that
 * is larger: of two transactions at one row, the one with the smaller id may come second.
 */
export class LeaseStore {
  private readonly grants = new Batches<GrantRequest, LeaseTerm | undefined>((requests) =>
    this.sendGrants(requests),
  );
  private readonly extensions = new Batches<ExtensionRequest, LeaseTerm | undefined>((requests) =>
    this.sendExtensions(requests),
  );
  private readonly ends = new Batches<LeaseId, undefined>((requests) => this.sendEnds(requests));
  private readonly looks = new Batches<Pick<LeaseId, 'name'>, boolean>((requests) =>
    this.sendLooks(requests),
  );
  /** By `performance.now()`; infinite while rows are being deleted. */
  private pruneAt = -Infinity;

  constructor(private readonly database: Pick<ApplicationDatabase, 'queryPrepared' | 'tableOf'>) {}

  /** Resolves to `undefined` when the lease is busy. */
  grant(request: GrantRequest): Promise<LeaseTerm | undefined> {
    return this.grants.add(request);
  }

  /** Lets the lease end that long from now; resolves to `undefined` when it has ended, or is another's. */
  extend(request: ExtensionRequest): Promise<LeaseTerm | undefined> {
    return this.extensions.add(request);
  }

  /** Ends the lease, if it has not ended. */
  end(lease: LeaseId): Promise<void> {
    return this.ends.add(lease);
  }

  /** Whether any token has the lease. */
  isHeld(lease: Pick<LeaseId, 'name'>): Promise<boolean> {
    return this.looks.add(lease);
  }

  /**
   * The lease, or `undefined` when it has ended. It locks the row, which a standby refuses: what a standby
   * knows may have ended.
   */
  async find({ name, tokenHash }: LeaseId): Promise<LeaseTerm | undefined> {
    const { rows, sentAt } = await this.run<TermRow & { readonly left_ms: string }>(
      `SELECT ${TERM},
          ${epochMs('(held.expires_at OPERATOR(pg_catalog.-) now.at)')}::pg_catalog.text AS left_ms
         FROM ${this.table} AS held, ${NOW}
        WHERE held.name OPERATOR(pg_catalog.=) $1 AND held.token_hash OPERATOR(pg_catalog.=) $2
          AND held.expires_at OPERATOR(pg_catalog.>) now.at
          FOR NO KEY UPDATE OF held`,
      [name, tokenHash],
    );
    const [row] = rows;
    return row && termOf(row, sentAt, Number(row.left_ms));
  }

  /** What is held of a name, or of all names that begin with the prefix. */
  async list(prefix: string, fullName: string | undefined): Promise<HeldLease[]> {
    const lines = await this.linesOf(selectLeases(this.table, { prefix, fullName }));
    return lines.map((line) => readLease(line, prefix));
  }

  /** Ends a grant without its token; resolves to `false` when it has ended before. */
  async endGrant(fullName: string, fencingToken: bigint): Promise<boolean> {
    return (await this.linesOf(endGrant(this.table, fullName, fencingToken))).length > 0;
  }

  private async linesOf({ text, values = [] }: Statement): Promise<string[]> {
    const { rows } = await this.run<{ readonly line: string }>(text, values);
    return rows.map(({ line }) => line);
  }

  /**
   * A row that is visibly busy is left alone: it gets no transaction id, lock or write, however many callers
   * try. The condition of the update is checked again when the row is locked. The order of the rows keeps two
   * batches from waiting for each other.
   */
  private async sendGrants(requests: readonly GrantRequest[]): Promise<(LeaseTerm | undefined)[]> {
    const lockKeys = requests.map(({ lockKey }) => lockKey);
    const hasLocks = lockKeys.some((key) => key !== undefined);
    const columns = `name, token_hash, owner, ttl_ms${hasLocks ? ', lock_key, lock_form' : ''}`;
    const types = ['text', 'text', 'text', 'int8', ...(hasLocks ? ['int8', 'int4'] : [])];
    const { rows, sentAt } = await this.run<TermRow>(
      `INSERT INTO ${this.table} AS held (name, fencing, token_hash, owner, ttl_ms, since, expires_at)
       SELECT wanted.name, pg_catalog.txid_current(), wanted.token_hash, wanted.owner, wanted.ttl_ms,
              now.at, ${AFTER('now.at', 'wanted.ttl_ms')}
         FROM ${unnested(...types)} AS wanted (${columns}),
              ${nowFor(requests)}
        WHERE ${hasLocks ? IS_FREE_OF_LOCKS(this.table) : IS_FREE(this.table)}
        ORDER BY wanted.name
       ON CONFLICT (name) DO UPDATE
          SET fencing = greatest(held.fencing OPERATOR(pg_catalog.+) 1, excluded.fencing),
              token_hash = excluded.token_hash, owner = excluded.owner, ttl_ms = excluded.ttl_ms,
              since = excluded.since, expires_at = excluded.expires_at
        WHERE held.token_hash IS NULL OR held.expires_at OPERATOR(pg_catalog.<=) excluded.since
       RETURNING ${TERM}`,
      [
        namesOf(requests),
        hashesOf(requests),
        arrayLiteral(requests.map(({ owner }) => owner)),
        ttlsOf(requests),
        ...(hasLocks
          ? [
              arrayLiteral(lockKeys.map((key) => key && String(key.bits))),
              arrayLiteral(lockKeys.map((key) => key?.objsubid)),
            ]
          : []),
      ],
    );
    this.pruneSometimes();
    return inOrder(requests, rows, sentAt);
  }

  private async sendExtensions(requests: readonly ExtensionRequest[]): Promise<(LeaseTerm | undefined)[]> {
    // In a WITH, as TypeORM returns something else for a plain UPDATE.
    const { rows, sentAt } = await this.run<TermRow>(
      `WITH extended AS (
         UPDATE ${this.table} AS held
            SET ttl_ms = wanted.ttl_ms, expires_at = ${AFTER('now.at', 'wanted.ttl_ms')}
           FROM ${unnested('text', 'text', 'int8')} AS wanted (name, token_hash, ttl_ms),
                ${nowFor(requests)}
          WHERE ${SAME} AND held.expires_at OPERATOR(pg_catalog.>) now.at
         RETURNING ${TERM})
       SELECT * FROM extended`,
      [namesOf(requests), hashesOf(requests), ttlsOf(requests)],
    );
    return inOrder(requests, rows, sentAt);
  }

  /**
   * The hash goes rather than the time: after a step back of the clock, the time of the release would lie in
   * the future. What was ended does not come back, as no caller needs to know.
   *
   * It does not wait for the disk: the grant that comes next does, and with it all that was written before.
   * Until then a crash can at most let the lease go on until its time is over.
   */
  private async sendEnds(requests: readonly LeaseId[]): Promise<undefined[]> {
    await this.run(
      `WITH ended AS (
         UPDATE ${this.table} AS held SET token_hash = NULL, expires_at = now.at
           FROM ${unnested('text', 'text')} AS wanted (name, token_hash), ${NOW_NOT_DURABLE}
          WHERE ${SAME})
       SELECT 1 AS done`,
      [namesOf(requests), hashesOf(requests)],
    );
    return requests.map(() => undefined);
  }

  private async sendLooks(requests: readonly Pick<LeaseId, 'name'>[]): Promise<boolean[]> {
    const { rows } = await this.run<{ readonly name: string }>(selectLeased(this.table), [namesOf(requests)]);
    const held = new Set(rows.map(({ name }) => name));
    return requests.map(({ name }) => held.has(name));
  }

  private pruneSometimes(): void {
    const begin = performance.now();
    if (begin < this.pruneAt) return;
    this.pruneAt = Infinity;
    void this.prune()
      // Nothing depends on it, and a later grant tries again.
      .catch(() => 0)
      .then((count) => {
        const now = performance.now();
        this.pruneAt = now + (count === MAX_PRUNED ? PRUNE_REST * (now - begin) : PRUNE_EVERY_MS);
      });
  }

  /**
   * Deletes rows that ended some time ago, without their fencing tokens coming again: a row goes only when
   * its token is smaller than the id of every transaction that runs or is still to come, so a later grant
   * gets a larger one. A row whose token is ahead of the transaction ids, as after a restore into another
   * server, stays.
   */
  async prune(): Promise<number> {
    const { rows } = await this.run<{ readonly count: string }>(
      `WITH pruned AS (
         DELETE FROM ${this.table} WHERE name OPERATOR(pg_catalog.=) ANY (ARRAY(
           SELECT name FROM ${this.table}
            WHERE expires_at OPERATOR(pg_catalog.<)
                (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) interval '1 minute')
              AND fencing OPERATOR(pg_catalog.<)
                pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot())
            LIMIT ${MAX_PRUNED} FOR UPDATE SKIP LOCKED))
         RETURNING name)
       SELECT pg_catalog.count(*)::pg_catalog.text AS count FROM pruned`,
      [],
    );
    return Number(rows[0]?.count);
  }

  private get table(): string {
    return this.database.tableOf(LEASE_TABLE);
  }

  private async run<Row>(
    sql: string,
    values: readonly unknown[],
  ): Promise<{ readonly rows: Row[]; readonly sentAt: number }> {
    for (let attempt = 1; ; attempt += 1) {
      const sentAt = performance.now();
      try {
        return { rows: await this.database.queryPrepared<Row>(sql, values), sentAt };
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !CONFLICTS.includes(sqlStateOf(error))) throw error;
      }
    }
  }
}

const namesOf = (requests: readonly Pick<LeaseId, 'name'>[]): string =>
  arrayLiteral(requests.map(({ name }) => name));
const hashesOf = (requests: readonly LeaseId[]): string =>
  arrayLiteral(requests.map(({ tokenHash }) => tokenHash));
const ttlsOf = (requests: readonly { readonly ttlMs: number }[]): string =>
  arrayLiteral(requests.map(({ ttlMs }) => ttlMs));

function inOrder(
  requests: readonly ExtensionRequest[],
  rows: readonly TermRow[],
  sentAt: number,
): (LeaseTerm | undefined)[] {
  const byName = new Map(rows.map((row) => [row.name, row]));
  return requests.map(({ name, ttlMs }) => {
    const row = byName.get(name);
    return row && termOf(row, sentAt, ttlMs);
  });
}

function termOf(row: TermRow, sentAt: number, leftMs: number): LeaseTerm {
  return {
    fencingToken: BigInt(row.fencing),
    expiresAt: new Date(Number(row.expires_ms)),
    ttlMs: Number(row.ttl_ms),
    sentAt,
    leftMs,
  };
}
