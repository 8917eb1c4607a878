import type { Problem } from '../../inspection/diagnosis.js';

/**
 * What `AdvisoryLockHealthIndicator` tells, under the key of the check. It is the plain object that `@nestjs/terminus` expects of an
 * indicator, and plain JSON.
 */
export interface LockHealth {
  /** `'down'` makes Terminus answer 503. */
  readonly status: 'up' | 'down';
  /** Why it is down, and what cures it. */
  readonly message?: string;
  /** Whether there is the session that this process holds its locks on. It is opened when first needed, and anew when it was lost. */
  readonly session: 'open' | 'none';
  /**
   * How long ago the server was heard of on it, in milliseconds; some more than `heartbeatMs` at most when all is well. Through a pooler
   * nobody is asked while nothing is locked, and it tells little.
   */
  readonly heartbeatAgeMs?: number;
  readonly connections: {
    /** How many connections for locks this module has open, and how many it may have. */
    readonly open: number;
    readonly allowed: number;
  };
  /** What `AdvisoryLockService.diagnose()` found lately; readiness only. */
  readonly problems?: readonly Problem[];
  /** How long ago it looked, in milliseconds. */
  readonly diagnosedMsAgo?: number;
}
