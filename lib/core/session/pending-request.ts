import type { LockRequest } from '../sql/request-statement.js';

/** A request with the callbacks for its outcome. Exactly one of the two is called, once. */
export interface PendingRequest extends LockRequest {
  resolve(succeeded: boolean): void;
  reject(error: Error): void;
}
