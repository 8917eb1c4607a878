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
  transactionLockRules,
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
  ...keySchemeRules,
  ...busyHttpRules,
};

const transactionRules: OptionRules = { ...methodRules, ...transactionLockRules };

/** Refuses options of `@WithAdvisoryLock` that are unknown or invalid, at decoration time. */
export function checkMethodOptions(decorator: string, options: object): void {
  const isTransaction = 'scope' in options && options.scope === 'transaction';
  checkOptions(options, isTransaction ? transactionRules : sessionRules, decorator);
}
