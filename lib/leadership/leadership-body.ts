/**
 * What an instance does while it leads. The signal aborts when its leadership ends.
 *
 * @example
 * ```ts
 * const follow: LeadershipBody = async (signal) => {
 *   for await (const event of feed.events({ signal })) await store(event);
 * };
 * ```
 */
export type LeadershipBody = (signal: AbortSignal) => void | PromiseLike<void>;
