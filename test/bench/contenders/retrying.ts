/**
 * How long a library that polls pauses between two tries, in milliseconds: the default of redis-semaphore,
 * for all. With redlock's own 200 ms or murlock's usual 1,000 ms they would wait so much longer.
 */
export const RETRY_MS = 10;
