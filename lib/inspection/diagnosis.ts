/** What may be wrong with a server, or with the way to it. */
export type ProblemCode =
  'UNREACHABLE' | 'STANDBY' | 'NO_EXCLUSION' | 'SETTING' | 'SERVER_CONNECTIONS' | 'LOCK_TABLE' | 'CLOCK';

/** Something that is wrong, and what cures it. */
export interface Problem {
  /** Which one it is; never changes between releases. */
  readonly code: ProblemCode;
  readonly message: string;
}

/**
 * What `AdvisoryLockService.diagnose()` finds. What needs the server is `undefined` when that could not be asked; `problems` says
 * why then.
 *
 * @example
 * ```ts
 * const { isHealthy, problems } = await locks.diagnose();
 * if (!isHealthy) logger.warn(problems.map(({ message }) => message).join('\n'));
 * ```
 */
export interface Diagnosis {
  /** Whether nothing is wrong. */
  readonly isHealthy: boolean;
  readonly problems: readonly Problem[];
  readonly server?: {
    /** What it says of itself: `PostgreSQL 18.4 on …`. */
    readonly version: string;
    /** Such as 180004. */
    readonly versionNumber: number;
    /** Never true for a server that locks are taken on: standbys are refused. */
    readonly isInRecovery: boolean;
    /**
     * Whether two sessions have shown that locks exclude on it, or whether that is taken for granted, as it is Postgres and there was
     * no room for a second connection.
     */
    readonly exclusion: 'proven' | 'assumed';
  };
  /**
   * How locks are held: `'none'` on connections with a backend of their own, `'transaction'` through a pooler, inside of one open
   * transaction that takes a connection of the pooler while any lock is held.
   */
  readonly pooler?: 'none' | 'transaction';
  /** The settings of the lock connection that matter, by name, as Postgres writes them in `pg_settings`. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly connections: {
    /** How many this module has open, and how many it may have. */
    readonly open: number;
    readonly allowed: number;
    /** How many all clients of the server have open, and how many they may have. */
    readonly serverOpen?: number;
    readonly serverAllowed?: number;
  };
  /** Room for locks of all kinds, of all sessions of all databases together. */
  readonly lockTable?: {
    readonly used: number;
    readonly capacity: number;
    readonly free: number;
  };
  /** How far the server's clock is ahead of this process', in milliseconds, and how exactly that is known. */
  readonly clock?: { readonly aheadMs: number; readonly uncertaintyMs: number };
}
