import type { LockName } from '../core/index.js';
import {
  type LeadershipMethodDecorator,
  leadershipMethod,
  type OnLeadershipOptions,
} from './leadership-method.js';

/**
 * The method is called when this instance becomes the leader of the fleet under that name. It gets a signal that aborts when it leads
 * no more: with a `LockLostError` when the leadership was lost, with an `AbortError` when the application shuts down. It may return at
 * once and leave the end to an {@link OnLeadershipEnd} method, or go on until the signal aborts.
 *
 * The campaign begins when the application has started, and is stopped when it shuts down; the lock is given back when the methods
 * have settled. All methods of a name, in whichever providers, and all jobs with that `leader` share one campaign; when one of the
 * methods throws, which is logged as an error, all are ended, and the instance lets others lead.
 *
 * @param name - of the leadership; it is the name of its lock.
 * @throws {@link LockConfigurationError} at decoration time, when the name or an option cannot be; at the bootstrap, when the
 * provider is request-scoped or transient.
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
