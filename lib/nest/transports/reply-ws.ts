import type { ArgumentsHost } from '@nestjs/common';
import type { LockRefusal } from './lock-refusal.js';

/** A client of socket.io, or of ws. */
interface WsClient {
  readonly readyState?: unknown;
  send?(message: string): void;
  emit?(event: string, payload: object): void;
}

/**
 * Sends the event `exception`, as the exception filter of @nestjs/websockets does: for that package is
 * optional. Sockets of ws are event emitters, too, whose `emit` stays in the process.
 */
export function replyWs(refusal: LockRefusal, host: ArgumentsHost): void {
  const ws = host.switchToWs();
  const client = ws.getClient<WsClient | undefined>();
  const cause = { pattern: ws.getPattern(), data: ws.getData<unknown>() };
  const payload = { status: 'error', ...refusal, cause };
  if (typeof client?.readyState === 'number') {
    client.send?.(JSON.stringify({ event: 'exception', data: payload }));
  } else {
    client?.emit?.('exception', payload);
  }
}
