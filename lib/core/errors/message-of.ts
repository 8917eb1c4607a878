import { inspect } from 'node:util';

/**
 * The message of an error, or what else was thrown, as text. Not by `String()`, which itself throws for an
 * object without a prototype.
 */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return typeof error === 'string' ? error : inspect(error);
}
