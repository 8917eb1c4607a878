import type { LockName } from '../core/index.js';
import {
  type LeadershipMethodDecorator,
  leadershipMethod,
  type OnLeadershipOptions,
} from './leadership-method.js';

/**
 * Calls the method when the leadership of this instance has ended, for whatever reason: the counterpart of
 * {@link OnLeadership}. It is called once the `@OnLeadership` methods of that name have settled. When the
 * application shuts down, the next leader waits for it. When the leadership was lost, another instance may
 * already lead.
 *
 * @param name - the name of the leadership.
 * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) as `@OnLeadership` does.
 * @example
 * ```ts
 * @OnLeadership('feed')
 * async start(): Promise<void> {
 *   this.subscription = await this.feed.subscribe();
 * }
 *
 * @OnLeadershipEnd('feed')
 * async stop(): Promise<void> {
 *   await this.subscription?.close();
 * }
 * ```
 */
export function OnLeadershipEnd(
  name: LockName,
  options: OnLeadershipOptions = {},
): LeadershipMethodDecorator {
  return leadershipMethod('@OnLeadershipEnd', name, options);
}
