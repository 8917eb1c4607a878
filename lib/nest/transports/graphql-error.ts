import type { LockRefusal } from './lock-refusal.js';

/**
 * What a resolver throws: GraphQL takes its message and `extensions` over. A server that knows
 * `extensions.http` uses the status, if there is no result besides, and hides it from the client.
 */
export class GraphQlLockError extends Error {
  override readonly name = 'LockError';
  readonly extensions: object;

  constructor({ message, statusCode: status, code, ...lock }: LockRefusal, cause: unknown) {
    super(message, { cause });
    this.extensions = { code, http: { status }, ...lock };
  }
}
