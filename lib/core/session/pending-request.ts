import type { LockRequest } from '../sql/request-statement.js';

/** A request, and what is called with its outcome: exactly one of the two, once. */
export interface PendingRequest extends LockRequest {
  resolve(succeeded: boolean): void;
  reject(error: Error): void;
}
