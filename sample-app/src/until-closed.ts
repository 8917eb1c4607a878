import type { ServerResponse } from 'node:http';

/** Aborts when the client has disconnected, or has its response. */
export function untilClosed(response: ServerResponse): AbortSignal {
  const closed = new AbortController();
  response.once('close', () => {
    closed.abort();
  });
  return closed.signal;
}
