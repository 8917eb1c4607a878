import { KeyBook } from '../engine/key-book.js';
import type { LockName } from '../engine/lock-key.js';
import {
  busyHttpRules,
  checkOptions,
  modeRules,
  type OptionRules,
  permitRules,
  waitRules,
} from '../lock.options.js';

const lockRules: OptionRules = {
  onBusy: [
    (value) => value === 'throw' || value === 'skip' || typeof value === 'function',
    "'throw', 'skip' or a function",
  ],
  connection: [(value) => typeof value === 'string' && value !== '', 'the `name` of an AdvisoryLockModule'],
};

const methodRules: OptionRules = {
  ...lockRules,
  ...waitRules,
  ...modeRules,
  ...permitRules,
  ...busyHttpRules,
};

const jobRules: OptionRules = {
  ...lockRules,
  lock: [isLockName, 'a name of a lock: a string that is not empty, or a key'],
};

/** Refuses options of `@WithAdvisoryLock` that are unknown or of the wrong kind, at decoration time. */
export function checkDecoratorOptions(decorator: string, options: object): void {
  checkOptions(options, methodRules, decorator);
}

/** The same for the options that the lock of an exclusive job has. */
export function checkJobOptions(decorator: string, options: object): void {
  checkOptions(options, jobRules, decorator);
}

function isLockName(value: unknown): boolean {
  try {
    new KeyBook().keyOf(value as LockName);
    return true;
  } catch {
    return false;
  }
}
