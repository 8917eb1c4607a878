import type { Problem } from '../../inspection/diagnosis.js';

/**
 * The result of `AdvisoryLockHealthIndicator`, under the key of the check: the plain object that
 * `@nestjs/terminus` expects of an indicator, and plain JSON.
 */
export interface LockHealth {
  /** `'down'` makes Terminus respond with 503. */
  readonly status: 'up' | 'down';
  /** Why it is down, and what cures it; missing when it is up. */
  readonly message?: string;
  /**
   * Whether the session that this process holds its locks on is open. It opens at the start of the
   * application, and again when it was lost.
   */
  readonly session: 'open' | 'none';
  /**
   * Whether this process holds locks or waits for some. While it is `'idle'` it sends no heartbeats, so
   * `heartbeatAgeMs` grows. Missing without a session.
   */
  readonly activity?: 'active' | 'idle';
  /**
   * How long ago the server last responded on the session, in milliseconds; at most a little more than
   * `heartbeatMs` when all is well and locks are held. There is no heartbeat while nothing is, and this says
   * little. Missing without a session.
   */
  readonly heartbeatAgeMs?: number;
  /** The connections for locks of this module. */
  readonly connections: {
    /** How many are open. */
    readonly open: number;
    /** How many may be open: the option `maxConnections`. */
    readonly allowed: number;
  };
  /** What `AdvisoryLockService.diagnose()` last found; readiness only. */
  readonly problems?: readonly Problem[];
  /** How long ago that was, in milliseconds; readiness only. */
  readonly diagnosedMsAgo?: number;
}
