import { KeyBook } from '../engine/key-book.js';
import type { LockName } from '../engine/lock-key.js';
import { busyHttpRules, checkOptions, modeRules, type OptionRules, waitRules } from '../lock.options.js';

const rules: OptionRules = {
  onBusy: [
    (value) => value === 'throw' || value === 'skip' || typeof value === 'function',
    "'throw', 'skip' or a function",
  ],
  connection: [(value) => typeof value === 'string' && value !== '', 'the `name` of an AdvisoryLockModule'],
  lock: [isLockName, 'a name of a lock: a string that is not empty, or a key'],
  ...waitRules,
  ...modeRules,
  ...busyHttpRules,
};

/** Refuses options of a decorator that are unknown or of the wrong kind, at decoration time. */
export function checkDecoratorOptions(decorator: string, options: object): void {
  checkOptions(options, rules, decorator);
}

function isLockName(value: unknown): boolean {
  try {
    new KeyBook().keyOf(value as LockName);
    return true;
  } catch {
    return false;
  }
}
