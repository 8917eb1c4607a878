import {
  aModuleName,
  checkOptions,
  KeyRegistry,
  type LockName,
  oneOf,
  type OptionRule,
  type OptionRules,
  reentryRules,
  wholeMs,
} from '../core/index.js';
import { onBusyRule } from '../locking/on-busy.js';
import { checkRecordOptions, recordRules } from './records/record.options.js';

const aLockName: OptionRule = [isLockName, 'the name of a lock: a string that is not empty, or a key'];

const jobRules: OptionRules = {
  onBusy: onBusyRule,
  connection: aModuleName,
  lock: aLockName,
  leader: aLockName,
  ...reentryRules,
  jitterMs: wholeMs(0, 86_400_000, ' (a day)'),
  ...recordRules,
  tick: [
    (value) => value === 'claim' || value === 'record' || value === 'none',
    "'claim', 'record' or 'none'",
  ],
  claimMs: wholeMs(1_000, 86_400_000, ' (a day)'),
  onCrash: oneOf('rerun', 'skip'),
  overlap: oneOf('skip', 'queue', 'elsewhere'),
};

/** Refuses options of a job that are unknown or invalid, at decoration time. Returns what was checked. */
export function checkJobOptions<T extends object>(decorator: string, options: T): T {
  const checked = checkOptions(options, jobRules, decorator);
  checkRecordOptions(decorator, checked as Record<string, unknown>);
  return checked;
}

function isLockName(value: unknown): boolean {
  try {
    new KeyRegistry().keyOf(value as LockName);
    return true;
  } catch {
    return false;
  }
}
