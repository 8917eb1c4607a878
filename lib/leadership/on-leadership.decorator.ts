import type { LockName } from '../core/index.js';
import {
  type LeadershipMethodDecorator,
  leadershipMethod,
  type OnLeadershipOptions,
} from './leadership-method.js';

/**
 * Calls the method when this instance becomes the leader of the fleet under that name. The method gets a
 * signal that aborts when the leadership ends: with a `LockLostError` when it was lost, with an `AbortError`
 * when the application shuts down. The method may return at once and leave the end to an
 * {@link OnLeadershipEnd} method, or continue until the signal aborts.
 *
 * The campaign begins when the application has started, and ends when it shuts down; the lock is given back
 * when the methods have settled. All methods of a name, in any provider, and all jobs with that `leader`
 * share one campaign. When one of the methods throws, the error is logged, the signal of all aborts, and the
 * instance lets others lead.
 *
 * @param name - the name of the leadership and of its lock.
 * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) at decoration time, for an invalid name or
 * option, or for anything but an instance method; at the bootstrap, when the provider is request-scoped or
 * transient.
 * @example
 * ```ts
 * @OnLeadership('feed')
 * async follow(signal: AbortSignal): Promise<void> {
 *   for await (const event of this.feed.events({ signal })) await this.store(event);
 * }
 * ```
 */
export function OnLeadership(name: LockName, options: OnLeadershipOptions = {}): LeadershipMethodDecorator {
  return leadershipMethod('@OnLeadership', name, options);
}
