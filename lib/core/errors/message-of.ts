import { inspect } from 'node:util';

/** What an error says, or what else was thrown; of an object without a prototype `String()` throws itself. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return typeof error === 'string' ? error : inspect(error);
}
