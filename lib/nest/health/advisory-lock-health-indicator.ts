import { checkOptions, type LockEngine, type OptionRules, wholeMs } from '../../core/index.js';
import { diagnose } from '../../inspection/diagnose.js';
import type { Diagnosis } from '../../inspection/diagnosis.js';
import type { AdvisoryLockService } from '../advisory-lock.service.js';
import { type FeatureHost, FEATURES } from '../features.js';
import { SharedQuery } from '../shared-query.js';
import { within } from '../within.js';
import type { LockHealth } from './lock-health.js';

/** Below the second that a Kubernetes probe has by default, so that the response arrives and says why. */
const DEFAULT_WITHIN_MS = 500;

/** Probes come each second, and what the doctor inspects changes slowly. */
const DIAGNOSE_EVERY_MS = 10_000;

/**
 * The options of {@link AdvisoryLockHealthIndicator.isReady}.
 *
 * @example
 * ```ts
 * await indicator.isReady('locks', { withinMs: 200 });
 * ```
 */
export interface ReadinessOptions {
  /**
   * The time after which it resolves at the latest, in milliseconds, even when the database does not respond:
   * a whole number from 1 to 60000. Keep it below the timeout of the probe.
   * @default 500
   */
  readonly withinMs?: number;
}

const rules: OptionRules = { withinMs: wholeMs(1, 60_000) };

/**
 * Checks whether this instance can take locks, for `@nestjs/terminus` or a route of your own: it returns
 * plain objects and does not need Terminus. Inject it by its class; for a module with a `name`, make one with
 * its service.
 *
 * @example
 * ```ts
 * @Controller('health')
 * export class HealthController {
 *   constructor(
 *     private readonly health: HealthCheckService,
 *     private readonly locks: AdvisoryLockHealthIndicator,
 *   ) {}
 *
 *   @Get('live') @HealthCheck()
 *   live() {
 *     return this.health.check([() => this.locks.isAlive('locks')]);
 *   }
 *
 *   @Get('ready') @HealthCheck()
 *   ready() {
 *     return this.health.check([() => this.locks.isReady('locks')]);
 *   }
 * }
 *
 * new AdvisoryLockHealthIndicator(archiveLocks); // of @InjectAdvisoryLock('archive')
 * ```
 */
export class AdvisoryLockHealthIndicator {
  private readonly engine: LockEngine;
  private readonly diagnosis: SharedQuery<Diagnosis>;

  constructor(locks: AdvisoryLockService);
  /** @internal */
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- the published types leave it out
  constructor(host: FeatureHost);
  constructor({ [FEATURES]: { engine } }: FeatureHost) {
    this.engine = engine;
    this.diagnosis = new SharedQuery(() => diagnose(engine));
  }

  /**
   * Liveness: `'down'` only for what a restart of the process cures, which is a module that has shut down
   * while its process is alive; it never takes a lock again. An unreachable database or a lost session is no
   * reason: the module opens the session again by itself, and a restart would only take the locks of this
   * process from their holders. It is `'up'` while the shutdown waits for holders.
   *
   * It reads memory, and never queries the server. Never throws.
   *
   * @param key - the name of the check in the result.
   */
  isAlive<Key extends string>(key: Key): Record<Key, LockHealth> {
    if (!this.engine.isDrained) return resultOf(key, { status: 'up', ...this.vitals() });
    const message =
      'The lock module has shut down, and takes no locks any more. End the process, or restart it.';
    return resultOf(key, { status: 'down', message, ...this.vitals() });
  }

  /**
   * Readiness: `'up'` when a lock can be taken now. That is when the lock session is open, so on a primary
   * whose locks exclude, and the server has responded on it within `lostAfterMs`. It is `'down'` from the
   * moment the shutdown begins.
   *
   * When there is no session it tries to open one, so that an instance that gets no requests recovers, too.
   * What `diagnose()` finds on a server that can lock (settings, room, clocks) is shown as `problems`, and
   * the instance is ready in spite of it.
   *
   * Cheap enough for a probe each second: it reads memory, and queries the server once in 10 s, which is one
   * round trip on the lock connection (three through a pooler while nothing is locked). It takes no lock, and
   * opens no connection while there is one.
   *
   * @param key - the name of the check in the result.
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid option, and never for the
   * state of the database.
   */
  async isReady<Key extends string>(
    key: Key,
    options: ReadinessOptions = {},
  ): Promise<Record<Key, LockHealth>> {
    checkOptions(options, rules, 'AdvisoryLockHealthIndicator.isReady()');
    const { withinMs = DEFAULT_WITHIN_MS } = options;
    const isKnown = this.isSessionFit && this.hasReached && this.diagnosis.ageMs < DIAGNOSE_EVERY_MS;
    if (!isKnown && !this.engine.isClosed) {
      // The query to a server that hangs stays in flight.
      await within(this.diagnose(), withinMs).catch(() => undefined);
    }
    const message = this.whyNotReady(withinMs);
    const { latest, ageMs } = this.diagnosis;
    return resultOf(key, {
      status: message === undefined ? 'up' : 'down',
      ...(message !== undefined && { message }),
      ...this.vitals(),
      // What the end of an earlier session was is no problem of the present one.
      ...(latest !== undefined &&
        (message !== undefined || this.hasReached) && {
          problems: latest.problems,
          diagnosedMsAgo: Math.round(ageMs),
        }),
    });
  }

  private async diagnose(): Promise<void> {
    await this.diagnosis.refresh();
    // It may have been under way on a session that has ended since.
    if (this.isSessionFit && !this.hasReached) await this.diagnosis.refresh();
  }

  /** Whether the latest diagnosis has reached the server. */
  private get hasReached(): boolean {
    return this.diagnosis.latest?.server !== undefined;
  }

  private get isSessionFit(): boolean {
    return this.engine.pulse?.isRecent === true;
  }

  private whyNotReady(withinMs: number): string | undefined {
    const { isClosed, pulse } = this.engine;
    if (isClosed) return 'The application is shutting down, and takes no locks any more.';
    if (this.isSessionFit) return undefined;
    if (pulse !== undefined) {
      return (
        'The server has not responded on the lock connection for too long: ' +
        'it may be gone, or this process was busy or frozen.'
      );
    }
    const { latest } = this.diagnosis;
    // A diagnosis that reached the server belongs to a session that has ended since.
    if (!this.hasReached && latest !== undefined) return latest.problems[0]?.message;
    return (
      `There is no lock connection, and within ${withinMs} ms none could be opened. ` +
      'The module tries again.'
    );
  }

  private vitals(): Pick<LockHealth, 'session' | 'activity' | 'heartbeatAgeMs' | 'connections'> {
    const { pulse, connectionCounts } = this.engine;
    if (pulse === undefined) return { session: 'none', connections: connectionCounts };
    const heartbeatAgeMs = Math.round(pulse.heartbeatAgeMs);
    const activity = pulse.isIdle ? 'idle' : 'active';
    return { session: 'open', activity, heartbeatAgeMs, connections: connectionCounts };
  }
}

function resultOf<Key extends string>(key: Key, health: LockHealth): Record<Key, LockHealth> {
  return { [key]: health } as Record<Key, LockHealth>;
}
