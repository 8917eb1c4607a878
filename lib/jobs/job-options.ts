import {
  aModuleName,
  checkOptions,
  KeyRegistry,
  LockConfigurationError,
  type LockName,
  oneOf,
  type OptionRule,
  type OptionRules,
  reentryRules,
  wholeMs,
  wholeNumber,
} from '../core/index.js';
import type { ExclusiveJobOptions, RetryOptions } from './exclusive-job.options.js';
import type { TickOptions } from './tick.options.js';
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
  overlap: oneOf('skip', 'queue', 'elsewhere', 'cancel'),
  retry: [(value) => typeof value === 'object' && value !== null, 'an object with `attempts` and `delayMs`'],
  historyMs: wholeMs(3_600_000, 3_162_240_000_000, ' (a hundred years)'),
};

const retryRules: OptionRules = {
  attempts: wholeNumber(1, 100),
  delayMs: wholeMs(0, 3_600_000, ' (an hour)'),
};

/** Refuses options of a job that are unknown or invalid, at decoration time. Returns what was checked. */
export function checkJobOptions<T extends object>(decorator: string, options: T): T {
  const checked = checkOptions(options, jobRules, decorator);
  const { retry, overlap, tick } = checked as ExclusiveJobOptions & TickOptions;
  if (retry !== undefined) checkRetry(decorator, retry);
  if (overlap === 'cancel' && tick === 'none') {
    throw new LockConfigurationError(
      `The option \`overlap\` of ${decorator} must not be 'cancel' with tick: 'none', where each instance ` +
        "would cancel the run of the others: use tick: 'claim' or 'record'.",
    );
  }
  checkRecordOptions(decorator, checked as Record<string, unknown>);
  return checked;
}

function checkRetry(decorator: string, retry: RetryOptions): void {
  const { attempts } = checkOptions(retry, retryRules, `\`retry\` of ${decorator}`) as Partial<RetryOptions>;
  if (attempts !== undefined) return;
  throw new LockConfigurationError(
    `The option \`attempts\` of \`retry\` of ${decorator} must be a whole number from 1 to 100, received ` +
      'none.',
  );
}

function isLockName(value: unknown): boolean {
  try {
    new KeyRegistry().keyOf(value as LockName);
    return true;
  } catch {
    return false;
  }
}
