import { checkRecordOptions, recordRules } from '../jobs/records/record.options.js';
import {
  busyHttpRules,
  checkOptions,
  KeyBook,
  type LockName,
  modeRules,
  type OptionRules,
  permitRules,
  transactionLockRules,
  waitRules,
} from '../core/index.js';

const connectionRule = [
  (value: unknown) => typeof value === 'string' && value !== '',
  'the `name` of an AdvisoryLockModule',
] as const;

const commonRules: OptionRules = {
  onBusy: [
    (value) => value === 'throw' || value === 'skip' || typeof value === 'function',
    "'throw', 'skip' or a function",
  ],
  connection: connectionRule,
};

const methodRules: OptionRules = {
  ...commonRules,
  scope: [(value) => value === 'session' || value === 'transaction', "'session' or 'transaction'"],
};

const sessionRules: OptionRules = {
  ...methodRules,
  ...waitRules,
  ...modeRules,
  ...permitRules,
  ...busyHttpRules,
};

const transactionRules: OptionRules = { ...methodRules, ...transactionLockRules };

const nameRule = [isLockName, 'a name of a lock: a string that is not empty, or a key'] as const;

const jobRules: OptionRules = {
  ...commonRules,
  lock: nameRule,
  leader: nameRule,
  ...recordRules,
  tick: [
    (value) => value === 'claim' || value === 'record' || value === 'none',
    "'claim', 'record' or 'none'",
  ],
  claimMs: [
    (value) => Number.isInteger(value) && (value as number) >= 1_000 && (value as number) <= 86_400_000,
    'a whole number of milliseconds, from 1000 to 86400000 (a day)',
  ],
  onCrash: [(value) => value === 'rerun' || value === 'skip', "'rerun' or 'skip'"],
  overlap: [
    (value) => value === 'skip' || value === 'queue' || value === 'elsewhere',
    "'skip', 'queue' or 'elsewhere'",
  ],
};

const leadershipRules: OptionRules = { connection: connectionRule };

/** Refuses options of `@WithAdvisoryLock` that are unknown or of the wrong kind, at decoration time. */
export function checkDecoratorOptions(decorator: string, options: object): void {
  const isTransaction = 'scope' in options && options.scope === 'transaction';
  checkOptions(options, isTransaction ? transactionRules : sessionRules, decorator);
}

/** The same for the options that the lock of an exclusive job has. */
export function checkJobOptions(decorator: string, options: object): void {
  checkOptions(options, jobRules, decorator);
  checkRecordOptions(decorator, options as Record<string, unknown>);
}

/** The same for `@OnLeadership` and `@OnLeadershipEnd`. */
export function checkLeadershipOptions(decorator: string, name: LockName, options: object): void {
  new KeyBook().keyOf(name);
  checkOptions(options, leadershipRules, decorator);
}

function isLockName(value: unknown): boolean {
  try {
    new KeyBook().keyOf(value as LockName);
    return true;
  } catch {
    return false;
  }
}
