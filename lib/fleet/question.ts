import { randomUUID } from 'node:crypto';

/** What is asked of the fleet. */
export interface Question {
  /** By which its answers are known. */
  readonly id: string;
  /** The `id` of the keys that the asker wants to know of; none for all. */
  readonly keys: readonly string[];
}

/** So many keys are asked about one by one; who wants to know of more asks for all. */
const MAX_KEYS = 100;

export function newQuestion(keys: readonly string[]): Question {
  return { id: randomUUID(), keys: keys.length <= MAX_KEYS ? keys : [] };
}

/** Reads a question; `undefined` for anything else, as everybody in the database may write on the channel. */
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
