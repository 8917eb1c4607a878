/** Pauses between the questions of a waiting call whether a lease is free, in milliseconds. */
export const POLL_MS = { first: 10, longest: 250 } as const;
