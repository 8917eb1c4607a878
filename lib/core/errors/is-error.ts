import { types } from 'node:util';

/**
 * Whether it is an error, of this realm or another: an error of Node's own sockets is not `instanceof Error`
 * in a test of Jest, which runs in a context of its own.
 */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}
