/**
 * What may be wrong with a server, or with the connection to it. The codes do not change between releases.
 *
 * - `UNREACHABLE`: the server cannot be asked.
 * - `STANDBY`: the server is a standby, on which locks exclude no one.
 * - `NO_EXCLUSION`: locks of this server exclude no one.
 * - `SETTING`: a setting of the lock connection is not what the library asked for.
 * - `SERVER_CONNECTIONS`: nearly all connections of the server are taken.
 * - `LOCK_TABLE`: the server's lock table is nearly full.
 * - `MAX_LOCKS`: this module holds nearly as many locks as it may.
 * - `SHORT_KEYS`: locks have keys of 32 bits, as those of BullMQ in the same database.
 * - `CLOCK`: the clocks of the server and of this process differ.
 */
export type ProblemCode =
  | 'UNREACHABLE'
  | 'STANDBY'
  | 'NO_EXCLUSION'
  | 'SETTING'
  | 'SERVER_CONNECTIONS'
  | 'LOCK_TABLE'
  | 'MAX_LOCKS'
  | 'SHORT_KEYS'
  | 'CLOCK';

/**
 * Something that is wrong, and what cures it.
 *
 * @see {@link Diagnosis}
 */
export interface Problem {
  /** Which problem it is. */
  readonly code: ProblemCode;
  /** What is wrong, and what to do about it. The wording may change between releases. */
  readonly message: string;
}

/**
 * What `AdvisoryLockService.diagnose()` finds. When the server could not be asked, the properties that need
 * it are missing, and `problems` says why.
 *
 * @example
 * ```ts
 * const { isHealthy, problems } = await locks.diagnose();
 * if (!isHealthy) logger.warn(problems.map(({ message }) => message).join('\n'));
 * ```
 */
export interface Diagnosis {
  /** Whether there are no problems. */
  readonly isHealthy: boolean;
  /** What is wrong, each with its cure; empty when nothing is. */
  readonly problems: readonly Problem[];
  /** The server that the lock connection reaches. */
  readonly server?: {
    /** The result of `version()`: `PostgreSQL 18.4 on …`. */
    readonly version: string;
    /** The setting `server_version_num`, such as 180004. */
    readonly versionNumber: number;
    /** The result of `pg_is_in_recovery()`. Never true where locks are taken: standbys are refused. */
    readonly isInRecovery: boolean;
    /**
     * `'proven'`: two sessions have shown that locks exclude each other on it. `'assumed'`: it is Postgres,
     * and there was no room for the second connection that the proof needs.
     */
    readonly exclusion: 'proven' | 'assumed';
  };
  /**
   * How locks are held: `'none'` on connections with a backend of their own, `'transaction'` through a
   * pooler, inside one open transaction that takes a connection of the pooler while any lock is held.
   */
  readonly pooler?: 'none' | 'transaction';
  /**
   * The settings of the lock connection that matter to locks, by name, as Postgres writes them in
   * `pg_settings`.
   */
  readonly settings?: Readonly<Record<string, string>>;
  /** `'idle'`: this module holds no lock and waits for none, so that it sends no heartbeats. */
  readonly activity?: 'active' | 'idle';
  /** Connections, in use and allowed. */
  readonly connections: {
    /** How many lock connections this module has open. */
    readonly open: number;
    /** How many lock connections this module may have open, by `maxConnections`. */
    readonly allowed: number;
    /** How many connections all clients of the server have open. */
    readonly serverOpen?: number;
    /** How many connections all clients of the server may have open. */
    readonly serverAllowed?: number;
  };
  /** Session locks of this module, claims of ticks included. */
  readonly locks?: {
    /** How many it holds, those on their way included. */
    readonly used: number;
    /** How many it may hold at once, by `maxLocks`. Missing while that is not known. */
    readonly allowed?: number;
  };
  /** The server's lock table, which locks of all kinds, sessions and databases share. */
  readonly lockTable?: {
    /** How many locks are in it. */
    readonly used: number;
    /** How many locks it has room for, approximately. */
    readonly capacity: number;
    /** How many more locks it has room for, approximately. */
    readonly free: number;
  };
  /** The server's clock compared with the clock of this process. */
  readonly clock?: {
    /** How far the server's clock is ahead, in milliseconds; negative when it is behind. */
    readonly aheadMs: number;
    /** How far `aheadMs` may be off, in milliseconds. */
    readonly uncertaintyMs: number;
  };
}
