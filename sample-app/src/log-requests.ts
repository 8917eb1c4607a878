import type { IncomingMessage, ServerResponse } from 'node:http';
import { Logger } from '@nestjs/common';

const logger = new Logger('HTTP');

/** Logs each response, such as `POST /orders/1/pay 409`. */
export function logRequests(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  const { method, url } = request;
  response.once('finish', () => {
    logger.log(`${method ?? ''} ${url ?? ''} ${response.statusCode}`);
  });
  next();
}
