import { randomUUID } from 'node:crypto';

/** A question to the fleet. */
export interface Question {
  /** Sent back with each part of a report. */
  readonly id: string;
  /** The `id` of each key that the question is about; empty for all keys. */
  readonly keys: readonly string[];
}

/** How many keys a question may list. A question about more keys asks about all. */
const MAX_KEYS = 100;

export function newQuestion(keys: readonly string[]): Question {
  return { id: randomUUID(), keys: keys.length <= MAX_KEYS ? keys : [] };
}

/** Reads a question; `undefined` for anything else: any client of the database may write to the channel. */
export function readQuestion(payload: string): Question | undefined {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { id, keys } = value as Partial<Question>;
  if (typeof id !== 'string' || !/^[\w-]{1,40}$/.test(id)) return undefined;
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) return undefined;
  if (!keys.every((key) => typeof key === 'string' && key.length <= 30)) return undefined;
  return { id, keys };
}
