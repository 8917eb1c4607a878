/** What an instance does while it leads. The signal aborts when it leads no more. */
export type LeadershipBody = (signal: AbortSignal) => void | PromiseLike<void>;
