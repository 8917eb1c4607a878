import { isPromise } from 'node:util/types';

/**
 * Call it for a value that is refused: an `async` function where a plain one is needed has made a promise,
 * whose rejection no code handles. Returns what the message says about it.
 */
export function hintForPromise(value: unknown): string {
  if (!isPromise(value)) return '';
  value.catch(() => undefined);
  return ' A function that makes names or keys must return them, not a Promise: it cannot be `async`.';
}
