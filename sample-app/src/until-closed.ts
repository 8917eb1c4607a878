import type { ServerResponse } from 'node:http';

/** Aborts when the client has left, or has its answer. */
export function untilClosed(response: ServerResponse): AbortSignal {
  const closed = new AbortController();
  response.once('close', () => {
    closed.abort();
  });
  return closed.signal;
}
