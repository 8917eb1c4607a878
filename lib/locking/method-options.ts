import {
  aModuleName,
  busyHttpRules,
  checkOptions,
  keySchemeRules,
  modeRules,
  oneOf,
  type OptionRules,
  permitRules,
  reentryRules,
  respectLeasesRules,
  transactionMethodRules,
  waitRules,
} from '../core/index.js';
import { onBusyRule } from './on-busy.js';

const methodRules: OptionRules = {
  onBusy: onBusyRule,
  connection: aModuleName,
  scope: oneOf('session', 'transaction'),
};

const sessionRules: OptionRules = {
  ...methodRules,
  ...waitRules,
  ...modeRules,
  ...permitRules,
  ...reentryRules,
  ...respectLeasesRules,
  ...keySchemeRules,
  ...busyHttpRules,
};

const transactionRules: OptionRules = { ...methodRules, ...transactionMethodRules };

/**
 * Refuses options of `@WithAdvisoryLock` that are unknown or invalid, at decoration time. Returns what was
 * checked.
 */
export function checkMethodOptions<T extends object>(decorator: string, given: T): T {
  const isTransaction = typeof given === 'object' && 'scope' in given && given.scope === 'transaction';
  return checkOptions(given, isTransaction ? transactionRules : sessionRules, decorator);
}
