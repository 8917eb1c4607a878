import type { ServerError } from '../core/index.js';

/** An error as the driver reports those of the server. */
export function serverError(code: string, message: string): ServerError {
  return Object.assign(new Error(message), { code, severity: 'ERROR' });
}
