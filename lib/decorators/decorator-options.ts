import { KeyBook } from '../engine/key-book.js';
import type { LockName } from '../engine/lock-key.js';
import { busyHttpRules, checkOptions, type OptionRules } from '../lock.options.js';
import { transactionLockRules } from '../transaction-lock.options.js';

const rules: OptionRules = {
  onBusy: [
    (value) => value === 'throw' || value === 'skip' || typeof value === 'function',
    "'throw', 'skip' or a function",
  ],
  connection: [(value) => typeof value === 'string' && value !== '', 'the `name` of an AdvisoryLockModule'],
  lock: [isLockName, 'a name of a lock: a string that is not empty, or a key'],
  scope: [(value) => value === 'session' || value === 'transaction', "'session' or 'transaction'"],
  ...busyHttpRules,
};

/** Refuses options of a decorator that are unknown or of the wrong kind, at decoration time. */
export function checkDecoratorOptions(decorator: string, options: object): void {
  const isTransaction = 'scope' in options && options.scope === 'transaction';
  checkOptions(options, isTransaction ? { ...rules, ...transactionLockRules } : rules, decorator);
}

function isLockName(value: unknown): boolean {
  try {
    new KeyBook().keyOf(value as LockName);
    return true;
  } catch {
    return false;
  }
}
