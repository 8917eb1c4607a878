import { inspect } from 'node:util';
import { isError } from './is-error.js';

/**
 * The message of an error, or its name when it has none, or what else was thrown, as text. Not by `String()`,
 * which itself throws for an object without a prototype.
 */
export function messageOf(error: unknown): string {
  if (isError(error)) return error.message || refusalsOf(error) || error.name;
  return typeof error === 'string' ? error : inspect(error);
}

/** A host name with several addresses, none of which can be reached, is an error without a message. */
function refusalsOf(error: Error): string {
  return 'errors' in error && Array.isArray(error.errors) ? error.errors.map(messageOf).join(', ') : '';
}
