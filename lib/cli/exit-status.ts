import { constants } from 'node:os';
import { AdvisoryLockError } from '../core/index.js';
import { CommandError } from './command.error.js';
import { DatabaseAddressError } from './database-address.error.js';
import { InterruptedError } from './interrupted.error.js';
import { PrivilegeError } from './privilege.error.js';
import { UsageError } from './usage.error.js';

/**
 * The exit statuses of the command line; `run` otherwise exits with the status of its command. The numbers
 * are those of sysexits.h, which scripts know and few commands use.
 *
 * @see https://man.freebsd.org/cgi/man.cgi?query=sysexits
 */
export const ExitStatus = {
  ok: 0,
  problems: 1,
  /** EX_USAGE */
  usage: 64,
  /** EX_NOUSER: the holder that was meant does not hold the lock any more. */
  changed: 67,
  /** EX_NOHOST: no instance has the job that was meant. */
  noInstance: 68,
  /** EX_UNAVAILABLE */
  noDatabase: 69,
  /** EX_SOFTWARE */
  bug: 70,
  /** EX_TEMPFAIL: trying again later may help. */
  busy: 75,
  /** EX_PROTOCOL */
  lost: 76,
  /** EX_NOPERM */
  forbidden: 77,
} as const;

/** The status that a shell reports for a process that a signal has ended. */
export function statusOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

export function statusOfError(error: unknown): number {
  if (error instanceof UsageError || error instanceof DatabaseAddressError) return ExitStatus.usage;
  if (error instanceof CommandError) return error.status;
  if (error instanceof PrivilegeError) return ExitStatus.forbidden;
  if (error instanceof InterruptedError) return statusOfSignal(error.signal);
  if (!(error instanceof AdvisoryLockError)) return ExitStatus.bug;
  if (error.code === 'LOCK_UNAVAILABLE' || error.code === 'LOCK_TIMEOUT') return ExitStatus.busy;
  return error.code === 'LOCK_LOST' ? ExitStatus.lost : ExitStatus.noDatabase;
}
