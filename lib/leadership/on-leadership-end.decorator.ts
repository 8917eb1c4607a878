import type { LockName } from '../core/index.js';
import {
  type LeadershipMethodDecorator,
  leadershipMethod,
  type OnLeadershipOptions,
} from './leadership-method.js';

/**
 * The method is called when this instance leads no more, however that came: the counterpart of {@link OnLeadership}. It is called once
 * the `@OnLeadership` methods of that name have settled. When the application shuts down the next leader waits for it; when the
 * leadership was lost there may be another leader already.
 *
 * @param name - of the leadership.
 * @throws {@link LockConfigurationError} as `@OnLeadership` does.
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
